#!/usr/bin/python3
"""Long attacks on a private stack under steady load, and a Markdown row about each.

    attack.py --target worker --times 50 --every 5-25       kill -9, fifty times
    attack.py --target redis --how stop --times 10          SIGSTOP for 10 s, then SIGCONT
    attack.py --preset issue [--every 3-6] [--at-once 2]    the whole table

The load: customers who order with an Idempotency-Key and repeat until they are answered 201. Some
hang up before the answer and repeat; some cancel; some payments are captured and their answer is
lost. A worker is dead after 10 s without heartbeat, as by default.

"Moving again" is, after a blow against the API or Redis, the first order that was asked for and
acknowledged since; after one against a worker, the moment when the last of the jobs it held has
made progress elsewhere. A SIGSTOP counts from its beginning, so its 10 s are in the figure.

Exits with 1 when anything was lost, doubled or stuck, or took longer than 20 s."""
import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import math
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time
import uuid

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("chaos", "integration", "functions")]

import redis  # noqa: E402

import functions_client as fc  # noqa: E402
from chaos_bench import wait_until, worker_of  # noqa: E402
from tiffin_http import Client  # noqa: E402
from tiffin_stack import Stack  # noqa: E402
from tiffin_store import Store, check_ledger  # noqa: E402

ALLOWED_S = 20       # from a blow to moving again
STOP_S = 10          # how long a SIGSTOP lasts
TTL_S = 10           # a worker's, the default
PATIENCE_S = 120     # after it a job is stuck, an order unanswered
CUSTOMERS_MAX = 300  # waiting at once
SETTINGS = {"PAYMENT_MS": 400, "KITCHEN_MS": 200, "STAGE_MIN_MS": 100, "STAGE_MAX_MS": 300,
            "WORKER_TTL_MS": TTL_S * 1000, "DRAIN_MS": 1000, "API_PROCESSES": 2, "ACCESS_LOG": 0,
            "PAYMENT_LOST_REPLY_PCT": 3, "PAYMENT_DECLINE_PCT": 2}
HANG_UP_SHARE, CANCEL_SHARE = 0.05, 0.05
HEADER = ("| attack | times | orders placed | acknowledged | lost | captured twice | stuck "
          "| p50 / p99 / max s | fsck |\n|---|---|---|---|---|---|---|---|---|")
PRESETS = {  # target, how, times
    "issue": [("worker", "kill", 50), ("api", "kill", 50), ("redis", "kill", 20),
              ("worker", "stop", 10), ("redis", "stop", 10)],
}
ASIDE = (OSError, http.client.HTTPException)
AWAY = (redis.ConnectionError, redis.TimeoutError)

Ack = collections.namedtuple("Ack", "asked_at at id")  # asked_at: of the attempt that succeeded


# ---- load ----------------------------------------------------------------------------------------

class Load:
    """Orders at a fixed rate, whatever happens to the earlier ones."""

    def __init__(self, stack, rate, dice):
        self.http, self.rate, self.dice = Client(stack.port), rate, dice
        self.acks, self.asked, self.failed_attempts = [], 0, 0
        self.stopping, self.giving_up = threading.Event(), threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(CUSTOMERS_MAX)
        self.customers = []
        self.ticker = threading.Thread(target=self._tick, daemon=True)
        self.ticker.start()

    def _tick(self):
        due = time.monotonic()
        while not self.stopping.is_set():
            due += 1 / self.rate
            time.sleep(max(0, due - time.monotonic()))
            self.asked += 1
            self.customers.append(self.pool.submit(self._customer, self.dice.random(),
                                                   self.dice.random()))

    def _customer(self, hangs_up, cancels):
        key = uuid.uuid4().hex
        if hangs_up < HANG_UP_SHARE:
            self._hang_up(key)
        answer = self._until((201,), lambda: self.http.place(key=key))
        if answer and cancels < CANCEL_SHARE:
            self._until((200, 409), lambda: self.http.post(f"/order/{answer}/cancel"))

    def _until(self, wanted, ask):
        """Repeats until one of these answers comes. -> the order's id"""
        while not self.giving_up.is_set():
            asked_at = time.monotonic()
            with contextlib.suppress(*ASIDE):
                answer = ask()
                if answer.status == 201:
                    id_ = answer.json["order_id"]
                    self.acks.append(Ack(asked_at, time.monotonic(), id_))
                    return id_
                if answer.status in wanted:
                    return None
                if answer.status not in (502, 503, 504):
                    raise AssertionError(f"an answer nobody should get: {answer}")
            self.failed_attempts += 1
            time.sleep(0.1)
        return None

    def _hang_up(self, key):
        """Orders, and does not wait for the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http.port, timeout=5)
        with contextlib.suppress(*ASIDE):
            connection.request("POST", "/order?restaurant_id=resto_123&item=Curry",
                               headers={"Idempotency-Key": key})
            time.sleep(0.002)
        connection.close()

    def first_since(self, moment):
        """When the first order asked for after this moment was acknowledged; None: not yet."""
        return min((ack.at for ack in self.acks[-2000:] if ack.asked_at > moment), default=None)

    def end(self):
        """No more orders; waits until all are answered. -> how many never were"""
        self.stopping.set()
        self.ticker.join()
        _, left = concurrent.futures.wait(self.customers, PATIENCE_S)
        self.giving_up.set()
        for customer in self.customers:
            customer.result()
        self.pool.shutdown()
        return len(left)


# ---- blows ---------------------------------------------------------------------------------------

class Attack:
    def __init__(self, target, how, times, every, rate, workers, seed):
        self.target, self.how, self.times, self.every = target, how, times, every
        self.dice = random.Random(seed)
        self.n_workers = workers or (1 + math.ceil((TTL_S + 2) / every[0])
                                     if target == "worker" else 2)
        self.rate = rate
        self.recoveries, self.faults, self.watchers = [], [], []
        self.hit_workers, self.interrupted = set(), threading.Event()
        self.stack = Stack(WORKERS=self.n_workers, **SETTINGS)
        self.victims = itertools.cycle(["worker", *(f"worker-{n}" for n in
                                                    range(2, self.n_workers + 1))])

    @property
    def name(self):
        how = "kill -9" if self.how == "kill" else f"SIGSTOP {STOP_S} s"
        who = {"worker": f"a worker of {self.n_workers}", "api": "API children and master",
               "redis": "Redis"}[self.target]
        return f"{how} of {who}, every {self.every[0]:g}-{self.every[1]:g} s"

    def say(self, text):
        print(f"  {self.target} {self.how}: {text}", file=sys.stderr, flush=True)

    def run(self):
        """-> the Markdown row; self.faults says what was wrong"""
        try:
            self.stack.up()
            self.store = Store(self.stack)
            self.load = Load(self.stack, self.rate, self.dice)
            checker = threading.Thread(target=self._check_meanwhile, daemon=True)
            checker.start()
            wait_until(lambda: len(self.load.acks) >= self.rate, "the load", 60)
            for n in range(self.times):
                if self.interrupted.wait(self.dice.uniform(*self.every)):
                    raise InterruptedError("by hand")
                blow = self._strike_worker if self.target == "worker" else self._strike
                blow(n)
            for watcher in self.watchers:
                watcher.join()
            time.sleep(1)
            return self._row()
        finally:
            self._end_stack()

    def _end_stack(self):
        if hasattr(self, "load"):
            self.load.stopping.set()
            self.load.giving_up.set()
        try:
            self.stack.end()
        except AssertionError as error:
            self.faults.append(f"at the end: {error}")

    def _hit(self, pid):
        """The blow itself. -> when"""
        at = time.monotonic()
        os.kill(pid, signal.SIGKILL if self.how == "kill" else signal.SIGSTOP)
        if self.how == "stop":
            def thaw():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            threading.Timer(STOP_S, thaw).start()
        return at

    def _note(self, n, seconds, what=""):
        self.recoveries.append(seconds)
        self.say(f"{n + 1}/{self.times}: moving again after {seconds:.2f} s {what}")

    def _strike(self, n):
        if self.target == "api" and n % 3 < 2:
            pid = self.dice.choice(wait_until(lambda: self.stack.children("api"), "a child"))
        else:
            pid = self.stack.pid(self.target)
        at = self._hit(pid)
        again = wait_until(lambda: self.load.first_since(at), "an order after the blow", PATIENCE_S)
        self._note(n, again - at)

    # ---- a worker: every job it held must move again --------------------------------------------

    def _strike_worker(self, n):
        name, admin = next(self.victims), self.store.redis
        pid = self.stack.pid(name)
        mine = wait_until(lambda: worker_of(admin, pid), "its registration")
        self._stop_at_work(pid, mine)
        self.hit_workers.add(mine)
        at = self._hit(pid)
        ids = admin.hkeys(fc.active_key(mine))
        held = dict(zip(ids, self._marks(ids)))
        watcher = threading.Thread(target=self._watch_held, args=(n, at, held), daemon=True)
        watcher.start()
        self.watchers.append(watcher)
        if self.how == "stop":
            watcher.join()
            time.sleep(max(0, at + STOP_S + 0.5 - time.monotonic()))

    def _stop_at_work(self, pid, mine):
        """Waits for a moment in which it holds something, and stops it there: the blow follows."""
        until = time.monotonic() + PATIENCE_S
        while True:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.005)  # what it had sent is executed
            if self.store.redis.hlen(fc.active_key(mine)) > 0 or time.monotonic() > until:
                return
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)

    def _marks(self, ids):
        pipe = self.store.redis.pipeline(transaction=False)
        for id_ in ids:
            pipe.hmget(fc.job_key(id_), "version", "step", "tries")
        return pipe.execute()

    def _watch_held(self, n, at, held):
        left, until = dict(held), at + PATIENCE_S
        while left and time.monotonic() < until:
            time.sleep(0.05)
            ids = list(left)
            for id_, marks in zip(ids, self._marks(ids)):
                if marks != left[id_]:
                    del left[id_]
        if left:
            self.faults.append(f"{len(left)} jobs of a dead worker did not move for {PATIENCE_S} s")
        else:
            self._note(n, time.monotonic() - at, f"({len(held)} jobs)")

    # ---- judgement ------------------------------------------------------------------------------

    def _check_meanwhile(self):
        """The invariant by one look, once a second."""
        people = fc.Functions(self.store.redis)
        while not self.load.giving_up.wait(1):
            try:
                word, *n = people.stats(sorted(self.store.redis.smembers(fc.WORKERS)))
            except AWAY:
                continue
            if word == "stats" and n[0] - n[1] + n[2] != sum(n[3:7]):
                self.faults.append(f"the invariant does not hold: {n}")

    def _stuck(self):
        """Waits until every order is settled. -> ids of those that are not"""
        ids, until = self.store.redis.zrange(fc.INDEX, 0, -1), time.monotonic() + PATIENCE_S
        while True:
            ids = [id_ for id_, (_, step, _) in zip(ids, self._marks(ids)) if step != "settled"]
            if not ids or time.monotonic() > until:
                return ids
            time.sleep(0.2)

    def _row(self):
        unanswered = self.load.end()
        stuck = self._stuck()
        audit = Audit(self.store.redis, {ack.id for ack in self.load.acks})
        self.faults += audit.faults
        placed = self.store.count("placed")
        if unanswered:
            self.faults.append(f"{unanswered} orders were never answered 201")
        elif placed != len(self.load.acks):
            self.faults.append(f"{placed} orders stored for {len(self.load.acks)} acknowledged")
        if stuck:
            self.faults.append(f"{len(stuck)} stuck, first {stuck[0]}")
        if audit.lost or audit.captured_twice:
            self.faults.append(f"lost {audit.lost}, captured twice {audit.captured_twice}")
        deaths = set(re.findall(r"worker (\S+) is dead:", self.stack.all_logs()))
        if deaths - self.hit_workers:
            self.faults.append(f"workers taken for dead that lived: {deaths - self.hit_workers}")
        if max(self.recoveries, default=0) > ALLOWED_S:
            self.faults.append(f"moving again took longer than {ALLOWED_S} s")
        self.say(f"{self.load.failed_attempts} attempts failed and were repeated; "
                 f"{len(deaths)} workers reaped, {self._fenced()} late writes refused; "
                 f"{audit.repeats} charges asked again, {audit.refunds} refunds; "
                 f"{dict(audit.statuses)}")
        return (f"| {self.name} | {self.times} | {placed} | {len(self.load.acks)} | {audit.lost} "
                f"| {audit.captured_twice} | {len(stuck)} | {figures(self.recoveries)} "
                f"| {self._fsck()} |")

    def _fenced(self):
        """As the workers that live count it."""
        admin = self.store.redis
        return sum(int(admin.hget(key, "fenced_writes_total") or 0)
                   for key in admin.scan_iter(match="live:{s00}:worker-*", count=1000))

    def _fsck(self):
        tool = pathlib.Path(self.stack.settings["BIN_DIR"]) / "tiffin-ctl"
        if not tool.exists():
            return "not built"
        done = subprocess.run([tool, "fsck"], env=self.stack.environment(), capture_output=True,
                              text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return "clean"
        self.faults.append(f"fsck ends with {done.returncode}: {done.stdout}{done.stderr}")
        return f"**{done.returncode}**"


def figures(seconds):
    """p50 / p99 / max, by nearest rank."""
    if not seconds:
        return "-"
    ranked = sorted(seconds)
    return " / ".join(f"{ranked[math.ceil(share * len(ranked)) - 1]:.1f}"
                      for share in (0.5, 0.99, 1))


class Audit:
    """All orders of a store at rest, read one by one: any number of them."""

    def __init__(self, admin, acknowledged):
        self.faults, self.lost, self.captured_twice = [], 0, 0
        self.repeats = self.refunds = 0
        self.statuses = collections.Counter()
        events, ids = collections.defaultdict(list), admin.zrange(fc.INDEX, 0, -1)
        for change in fc.changes_of(admin):
            events[change["order"]].append(change)
        self.lost = len(acknowledged - set(ids))
        for start in range(0, len(ids), 500):
            pipe = admin.pipeline(transaction=False)
            for id_ in ids[start:start + 500]:
                pipe.hgetall(fc.job_key(id_))
            orders = pipe.execute()
            for order in orders:
                pipe.hgetall("gateway:{s00}:" + order.get("payment_key", ""))
            for order, entry in zip(orders, pipe.execute()):
                self._look(order, entry, events)

    def _look(self, order, entry, events):
        if not order:
            self.lost += 1
            return
        self.statuses[order["status"]] += 1
        self.captured_twice += int(entry.get("captures", 0)) > 1
        self.repeats += int(entry.get("requests", 0)) > 1
        self.refunds += int(entry.get("refunds", 0))
        try:
            check_ledger({"orders": [order], "ledger": [(order["payment_key"], entry)]
                          if entry else []})
            check_lines(order, events[order["id"]])
        except AssertionError as error:
            self.faults.append(f"{order['id']}: {error}")


def check_lines(order, events):
    """The history is whole, and says what the events say (the oldest of them may be trimmed)."""
    version = int(order["version"])
    lines = [order[f"v{n}"] for n in range(1, version + 1)]
    told = [" ".join((e["status"], e["payment_status"], e["kitchen_status"], e["at"]))
            for e in events]
    assert told == lines[version - len(told):], f"history {lines}, events {told}"
    assert lines[-1].split(" ")[:3] == [order[name] for name in
                                        ("status", "payment_status", "kitchen_status")]


# ---- command line --------------------------------------------------------------------------------

def interval(text):
    low, _, high = text.partition("-")
    low, high = float(low), float(high or low)
    if not 0 < low <= high:
        raise argparse.ArgumentTypeError("as in 5-25")
    return low, high


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", choices=("worker", "api", "redis"))
    parser.add_argument("--how", choices=("kill", "stop"), default="kill")
    parser.add_argument("--times", type=int, help="blows (50; of a preset: its own)")
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--every", type=interval, default=(5, 25), help="seconds between (5-25)")
    parser.add_argument("--rate", type=float, default=20, help="orders a second (20)")
    parser.add_argument("--workers", type=int, help="(so many that one of them lives long enough)")
    parser.add_argument("--at-once", type=int, default=1, help="attacks side by side (1)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if bool(options.target) == bool(options.preset):
        parser.error("either --target or --preset")
    return options


def main():
    options = arguments()
    chosen = PRESETS[options.preset] if options.preset else [(options.target, options.how, 50)]
    attacks = [Attack(target, how, options.times or times, options.every, options.rate,
                      options.workers, options.seed) for target, how, times in chosen]
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        futures = [pool.submit(attack.run) for attack in attacks]
        print(HEADER, flush=True)
        for attack, future in zip(attacks, futures):
            try:
                print(future.result(), flush=True)
            except KeyboardInterrupt:  # each stops its stack
                for each in attacks:
                    each.interrupted.set()
                raise
            except Exception as error:  # its stack has ended; the other attacks go on
                attack.faults.append(f"{type(error).__name__}: {error}")
    faults = [f"{attack.name}: {fault}" for attack in attacks for fault in attack.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
