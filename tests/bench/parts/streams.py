"""Order streams: how long an event takes from the change to the client, and how many there can be.

The steps are made by Redis' functions at moments of their own, so that neither the worker's pace nor
its CPU is measured. A change is durable before anyone hears of it: what that costs alone, at the same
rate and on the same file system, is measured first and taken off. Then as many steps as Redis can do.
Then the same rate made by the real worker, and at last whole orders all at once, where every event must
arrive once and in order.
"""
import itertools
import time

import fsync
import processes
from figures import Figure, quantile
from harness import NO_WAITS, ctl, stack
from functions_client import READY  # found once harness is there
from http_load import wrk
from order_life import HELD_MAX, STEPS, Life, admin, order_id, places
from stream_load import finish, live_status, open_streams
from tiffin_stack import eventually
from wire import wire

TITLE = "Order streams"
TICK_S = 0.005  # steps that are due within it leave together
SETTINGS = {**NO_WAITS, "API_PROCESSES": 2, "REDIS_MAXMEMORY": "2gb"}
QUANTILES = (("p50", 0.5), ("p99", 0.99))
WHOLE = {"PAYMENT_MS": 200, "KITCHEN_MS": 100, "STAGE_MIN_MS": 1000, "STAGE_MAX_MS": 4000,
         "WORKER_CONCURRENCY": 2000, "WORKER_TTL_MS": 10000, "API_PROCESSES": 2}


def measure(run):
    n, rate = run.pick(5000, 500, "STREAMS"), run.pick(1000, 500, "EVENTS")
    rounds = [one_round(run, n, rate) for _ in range(run.pick(3, 1))]
    yield from latency(rounds, n, rate)
    yield Figure(f"burst, {n:,} streams: events", "/s", [one["burst"] for one in rounds],
                 note="as fast as Redis makes the steps")
    if not run.quick:
        yield from beyond_the_write([paced_orders(run, n, rate) for _ in range(2)],
                                    f"{n:,} streams, {rate:,} events/s by the worker")
    yield from whole_orders(run, run.pick(10000, 1000, "STREAMS"))


def one_round(run, n, rate):
    seconds = max(3, len(STEPS) * n // rate // 2)
    with stack(**SETTINGS, WORKERS=0) as tiffin, wire(tiffin) as link:
        alone = fsync.latencies_ms(tiffin.folder, rate, min(5, seconds))
        life = Life(tiffin)
        first = prepare(life, link, range(n), per_call=1)
        second = prepare(life, link, range(n, 2 * n))
        paths = [live_status(order_id(k)) for k in range(n)]
        running = open_streams(tiffin, paths)
        at_rate(link, first, rate)
        steady = finish(run, running, f"streams at {rate} events/s")
        running = open_streams(tiffin, [live_status(order_id(k)) for k in range(n, 2 * n)])
        began = time.monotonic()
        for stage in second:
            link.run(stage)
        burst = finish(run, running, "burst of events")
    spent = time.monotonic() - began
    return {"fsync": alone, "steady": steady, "burst": len(STEPS) * n / spent, "after": burst}


def prepare(life, link, numbers, **steps):
    """Places these orders and begins on all. -> their steps, a list of commands for each of STEPS"""
    link.run(places(numbers))
    ids = list(itertools.chain.from_iterable(
        life.claim(HELD_MAX) for _ in range(-(-len(numbers) // HELD_MAX))))
    for commands in life.preparation(ids):
        link.run(commands)
    return life.steps(ids, **steps)


def at_rate(link, stages, rate):
    """All the steps, a command each, at their moments."""
    commands = list(itertools.chain.from_iterable(stages))
    begin, done = time.monotonic(), 0
    while done < len(commands):
        time.sleep(TICK_S)
        due = min(len(commands), int((time.monotonic() - begin) * rate))
        link.run(commands[done:due])
        done = due


def latency(rounds, n, rate):
    for name, q in QUANTILES:
        alone = [quantile(one["fsync"], q) for one in rounds]
        yield Figure(f"a durable write alone, {rate:,}/s: {name}", "ms", alone, better="lower")
    yield from beyond_the_write(rounds, f"{n:,} streams, {rate:,} events/s")


def beyond_the_write(rounds, at):
    for name, q in QUANTILES:
        whole = [one["steady"][name] for one in rounds]
        rest = [max(0, one["steady"][name] - quantile(one["fsync"], q)) for one in rounds]
        yield Figure(f"{at}: change to client, {name}", "ms", whole, better="lower")
        yield Figure(f"{at}: {name} beyond the write's", "ms", rest, better="lower",
                     target=("<=", 4) if name == "p99" else None)


# ---- with the worker --------------------------------------------------------------------------------

def paced_orders(run, n, rate):
    """The orders reach the worker's queue at moments of their own, so that it makes about so many events a
    second once the first orders have come to their stages."""
    with stack(**WHOLE) as tiffin, wire(tiffin) as link:
        alone, store = fsync.latencies_ms(tiffin.folder, rate, 5), admin(tiffin)
        ctl(tiffin, "pause")
        link.run(places(range(n)))
        ids = store.lrange(READY, 0, -1)
        store.delete(READY)
        ctl(tiffin, "resume")
        running = open_streams(tiffin, [live_status(order_id(k)) for k in range(n)])
        enqueue_at_rate(store, ids, rate / len(STEPS))
        return {"fsync": alone, "steady": finish(run, running, f"{rate} events/s by the worker")}


def enqueue_at_rate(store, ids, rate):
    begin, done = time.monotonic(), 0
    while done < len(ids):
        time.sleep(TICK_S)
        due = min(len(ids), int((time.monotonic() - begin) * rate))
        if due > done:
            store.lpush(READY, *ids[done:due])
        done = due


def whole_orders(run, n):
    with stack(**WHOLE) as tiffin, wire(tiffin) as link:
        ctl(tiffin, "pause")
        link.run(places(range(n)))
        eventually(lambda: ctl(tiffin, "status").returncode == 0, "the store answers")
        alone = wrk(tiffin.port, "/restaurants", 8, run.pick(5, 1))
        before = processes.memory_kb(tiffin)
        running = open_streams(tiffin, [live_status(order_id(k)) for k in range(n)])
        beside = wrk(tiffin.port, "/restaurants", 8, run.pick(5, 1))
        grown = processes.risen(before, processes.memory_kb(tiffin))
        ctl(tiffin, "resume")
        found = finish(run, running, f"{n} whole orders")
    yield Figure(f"{n:,} orders, a stream each: events", "", [found["events"]],
                 note="each once, in order, none lost" if not run.failures else "see what failed")
    yield Figure(f"{n:,} orders, a stream each: p99", "ms", [found["p99"]], better="lower")
    yield Figure("memory of the API a stream", "KB", [grown["api"] / n], better="lower")
    yield Figure("GET /restaurants alone, p99", "ms", [alone.p99_ms], better="lower")
    yield Figure("GET /restaurants beside the streams, p99", "ms", [beside.p99_ms],
                 "GET /restaurants alone, p99", better="lower")
