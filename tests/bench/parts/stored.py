"""Orders stored: does anything get slower when there are ten and a hundred times as many?

A stack for each number of settled orders, all up at once, so that their rounds take turns. The orders
are placed and worked on by Redis' functions, as real ones are. At the largest number also what happens
seldom: a start, `tiffin-ctl fsck`, the log's rewrite.

BENCH_STORED="10000 100000 1000000" says how many. What does not fit into the machine's memory is left
out, and the table says so.
"""
import contextlib
import os
import pathlib
import time

from figures import Figure
from harness import NO_WAITS, ctl, say, stack
from http_load import wrk
from order_life import HELD_MAX, Life, admin, order_id, places
from tiffin_stack import eventually
from wire import wire

TITLE = "Orders stored"
ORDER_KB = 4        # memory of a settled order and its payment, while the log is rewritten beside it
SLOWER = ("<=", 1.2)
CHUNK = 2500
STATUSES = 20  # in a round: most of one is the start of a process
WORKED = 1000  # orders that a round places and settles: few beside those stored
SETTINGS = {**NO_WAITS, "WORKERS": 0, "API_PROCESSES": 2, "UP_TIMEOUT_S": 600}


def measure(run):
    wanted = [int(n) for n in os.environ.get(
        "BENCH_STORED", "500 5000" if run.quick else "10000 100000 1000000").split()]
    sizes = fitting(wanted)
    with contextlib.ExitStack() as stacks:
        stores = {n: stacks.enter_context(store_of(n)) for n in sizes}
        found = run.turns({n: stores[n].operations(run) for n in sizes})
        for n in sizes:
            yield from stores[n].figures(found, n, sizes[0])
        yield from stores[sizes[-1]].seldom(run, sizes[-1])
    for n in set(wanted) - set(sizes):
        yield Figure(f"{n:,} orders", "", [n], note="not measured: they do not fit into memory")


def fitting(wanted):
    """As many of these numbers of orders as fit into memory together, from the smallest on."""
    lines = dict(line.split(":") for line in
                 pathlib.Path("/proc/meminfo").read_text().splitlines())
    left_kb = int(lines["MemAvailable"].split()[0])
    sizes = []
    for n in sorted(wanted):
        left_kb -= n * ORDER_KB
        if left_kb > 0:
            sizes.append(n)
    return sizes


@contextlib.contextmanager
def store_of(n):
    megabytes = 512 + n * ORDER_KB // 1024
    with stack(**SETTINGS, REDIS_MAXMEMORY=f"{megabytes}mb") as tiffin, wire(tiffin) as link:
        made = Stored(tiffin, link, n)
        made.fill()
        yield made


class Stored:
    def __init__(self, tiffin, link, n):
        self.tiffin, self.link, self.n = tiffin, link, n
        self.life, self.admin = Life(tiffin), admin(tiffin)
        self.next = self.bytes = 0  # of the next order; that all of them take

    def fill(self):
        """n settled orders. For that long the log is synced once a second only."""
        began, self.bytes = time.monotonic(), self.admin.info("memory")["used_memory"]
        self.admin.config_set("appendfsync", "everysec")
        while self.next < self.n:
            self.place(min(CHUNK, self.n - self.next))
            self.settle_all()
            if self.next % 100000 == 0:
                say(f"  {self.next:,} orders in {time.monotonic() - began:.0f} s")
        self.admin.config_set("appendfsync", "always")
        eventually(lambda: not self.is_rewriting(), "the log's rewrite", timeout=600)
        self.bytes = self.admin.info("memory")["used_memory"] - self.bytes

    def place(self, n):
        self.link.run(places(range(self.next, self.next + n)))
        self.next += n

    def is_rewriting(self):
        found = self.admin.info("persistence")
        return found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"]

    # ---- what happens all the time ------------------------------------------------------------------

    def operations(self, run):
        """-> a callable: one round of them all, {operation: seconds each}"""
        port, seconds = self.tiffin.port, max(1, run.seconds // 2)
        one = "/order/" + order_id(self.n // 2)

        def answer_s(path):
            load = wrk(port, path, 64, seconds)
            if load.errors:
                run.fail(f"GET {path}, {self.n:,} orders stored: {load.errors}")
            return 1 / load.rate

        return lambda: {"GET /order/{id}": answer_s(one),
                        "GET /status": answer_s("/status"),
                        "tiffin-ctl status": timed(self.statuses) / STATUSES,
                        "place": timed(lambda: self.place(WORKED)) / WORKED,
                        "placed to delivered": timed(self.settle_all) / WORKED}

    def statuses(self):
        for _ in range(STATUSES):
            ctl(self.tiffin, "status")

    def settle_all(self):
        while self.life.settle(self.link, HELD_MAX):
            pass

    def figures(self, found, n, fewest):
        for operation in found[n][0]:
            name, few = (f"{operation}, {count:,} stored" for count in (n, fewest))
            yield Figure(name, "µs", [1e6 * round_[operation] for round_ in found[n]],
                         few if n != fewest else "", "lower", SLOWER if n != fewest else None)

    # ---- what happens seldom ------------------------------------------------------------------------

    def seldom(self, run, n):
        yield Figure(f"Redis' memory an order, {n:,} stored", "bytes", [self.bytes / n],
                     better="lower", note="its payment and its share of the events included")
        yield Figure(f"the log's rewrite, {n:,} stored", "s", [timed(self.rewrite)], better="lower")
        yield Figure(f"tiffin-ctl fsck, {n:,} stored", "s", [timed(lambda: self.fsck(run))],
                     better="lower")
        self.tiffin.down()
        yield Figure(f"make up, {n:,} stored", "s", [timed(self.tiffin.up)], better="lower")

    def rewrite(self):
        self.admin.bgrewriteaof()
        eventually(lambda: not self.is_rewriting(), "the log's rewrite", timeout=600)

    def fsck(self, run):
        done = ctl(self.tiffin, "fsck")
        if done.returncode:
            run.fail(f"fsck: {done.returncode}: {(done.stdout + done.stderr)[-300:]}")


def timed(call):
    """-> seconds that it took"""
    began = time.monotonic()
    call()
    return time.monotonic() - began
