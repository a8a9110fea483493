"""Tiffin beside the same hot paths in Go, Node and FastAPI: all of them up at once, in turns.

Each runs behind nginx with two processes (Go: two threads) and reads and stores in a Redis that
syncs every write to disk before it answers: order, job, index and event in one transaction. The
peers do less: no idempotency, history or checks of what they are given; a chat in one process's
memory that neither stores nor numbers what is said. Then posting while orders are worked on, beside a
FastAPI that has them in memory alone.

BENCH_PEERS="tiffin go node fastapi fastapi_memory" chooses.
"""
import contextlib
import json
import os
import urllib.request

import peer
from figures import Figure
from harness import NO_WAITS, settle, stack
from http_load import post_orders, wrk
from parts import chat
from tiffin_stack import eventually

TITLE = "Beside Go, Node and FastAPI"
ALL = ("tiffin", "go", "node", "fastapi", "fastapi_memory")
LABELS = {"tiffin": "Tiffin", "go": "Go", "node": "Node", "fastapi": "FastAPI",
          "fastapi_memory": "FastAPI, orders in memory", "tiffin_worker": "Tiffin, its worker works"}
READ = "/restaurants/resto_123"
CHAT = "chat deliveries, 1,000 clients, 520 messages/s"
WORKING_TARGET = (">=", 1.1)


def measure(run):
    names = os.environ.get("BENCH_PEERS", " ".join(ALL)).split()
    durable = [name for name in names if name != "fastapi_memory"]
    yield from in_turns(run, durable, {
        "GET /healthz": lambda port: wrk(port, "/healthz", 64, run.seconds),
        "GET /restaurants/resto_123, no wait": lambda port: wrk(port, READ, 64, run.seconds),
        "POST /order, on disk": lambda port: post_orders(port, 64, run.seconds)})
    seconds = run.pick(20, 5)
    yield from in_turns(run, durable, {
        "the half-second wait, 5,000 in flight": lambda port: wrk(port, READ, 5000, seconds)},
        wait_ms=500, rounds=run.pick(3, 1))
    yield from in_turns(run, durable, {CHAT: lambda port: talk(run, port)}, processes=1,
                        rounds=run.pick(3, 1))
    if "fastapi_memory" in names and "tiffin" in names:
        yield from in_turns(run, ["fastapi_memory", "tiffin_worker"], {
            "POST /order, orders worked on": lambda port: post_and_rest(run, port)},
            limit="fastapi_memory", target=WORKING_TARGET)


def start(name, wait_ms, processes):
    """-> a context whose value is the port"""
    if name.startswith("tiffin"):
        return tiffin(wait_ms, processes, int(name == "tiffin_worker"))
    return peer.peer(name, wait_ms, 1 if name == "fastapi_memory" else processes)


@contextlib.contextmanager
def tiffin(wait_ms, processes, workers):
    with stack(**NO_WAITS | {"DB_MS": wait_ms}, WORKERS=workers, API_PROCESSES=processes,
               REDIS_MAXMEMORY="4gb") as made:
        yield made.port


def in_turns(run, names, subjects, wait_ms=0, processes=2, rounds=None, limit="tiffin", target=None):
    """A figure for each subject and name, with its ratio to that of `limit`."""
    with contextlib.ExitStack() as running:
        ports = {name: running.enter_context(start(name, wait_ms, processes)) for name in names}
        settle()
        calls = {(what, name): (lambda call=call, port=port: call(port))
                 for what, call in subjects.items() for name, port in ports.items()}
        found = run.turns(calls, rounds)
    for (what, name), loads in found.items():
        errors = "; ".join(sorted({load.errors for load in loads} - {""}))
        if errors and name.startswith("tiffin"):
            run.fail(f"{what}: {errors}")
        yield Figure(f"{what}: {LABELS[name]}", "/s", [load.rate for load in loads],
                     f"{what}: {LABELS[limit]}" if name != limit and limit in names else "",
                     target=target if name != limit else None,
                     note=f"p99 {max(load.p99_ms for load in loads):,.1f} ms at most"
                          + (f"; {errors}" if errors else ""))


def post_and_rest(run, port):
    """The next one's turn begins when no orders are left to work on."""
    load = post_orders(port, 64, run.seconds)
    eventually(lambda: is_at_rest(port), "all are delivered", timeout=300)
    return load


def is_at_rest(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status") as answer:
            return json.load(answer)["orders"]["active"] == 0
    except urllib.error.HTTPError:
        return True  # a peer, which cannot say; its queue is worked off as it is filled


class Talk:
    """A chat's result, with the names of a Load."""

    def __init__(self, text):
        self.rate, self.p99_ms = chat.parse(text)
        self.errors = chat.losses(text)

    def __str__(self):
        return f"{self.rate:,}/s, p99 {self.p99_ms} ms {self.errors}"


def talk(run, port):
    """1,000 clients, 520 messages a second of 64 bytes; of a peer not all may arrive in time."""
    running = chat.start(port, "--clients", 1000, "--rate", 520, "--seconds", run.pick(10, 3))
    return Talk(running.communicate()[0])
