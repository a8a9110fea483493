"""What every part of the measurements uses: private stacks, rounds in turns, what failed.

Nothing is pinned to a core and no priority is set: programs and load generators share the machine as
they would in earnest. What makes figures comparable is that they are taken in turns, round by round.
"""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "functions")]
from tiffin_stack import BIN_DIR, Stack  # noqa: E402

TOOLS = BIN_DIR.parent / "bench"
SETTLE_S = 0.5  # between a start and the first sample: connections and caches are warm
# One client opens all the connections, and asks as often as it likes.
NO_LIMITS = {"RATE": 0, "ORDER_RATE": 0, "STREAMS_PER_CLIENT": 60000, "CHAT_RATE": 0,
             "CHAT_ANNOUNCE": 0}
NO_WAITS = {"DB_MS": 0, "MENU_MS": 0, "REVIEWS_MS": 0, "PAYMENT_MS": 0, "KITCHEN_MS": 0,
            "STAGE_MIN_MS": 0, "STAGE_MAX_MS": 0, "WORKER_TTL_MS": 10000}


class Run:
    """One run of some parts: how thorough it is, and what failed in it."""

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.seconds = int(os.environ.get("BENCH_SECONDS") or (1 if quick else 5))
        self.failures = []

    def pick(self, full, quick, setting=None):
        """full or quick; an integer in the environment variable BENCH_<setting> wins."""
        given = os.environ.get(f"BENCH_{setting}") if setting else None
        return int(given) if given else quick if self.quick else full

    def fail(self, what):
        """Something that must not happen did: the run goes on and exits 1."""
        self.failures.append(what)
        say("FAILED: " + what)

    def turns(self, subjects, rounds=None):
        """Calls each of {name: callable} once a round, every other round in reverse, so that none always
        follows the same one. -> {name: [what it returned, a round each]}"""
        samples, names = {name: [] for name in subjects}, list(subjects)
        for number in range(rounds or self.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                samples[name].append(subjects[name]())
                say(f"  round {number + 1}, {name}: {samples[name][-1]}")
        return samples


def say(line):
    """Progress, for who waits."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def stack(**settings):
    """A stack of its own that is up, without limits; it is gone at the end."""
    made = Stack(**{**NO_LIMITS, **settings})
    try:
        made.up()
        settle()
        yield made
    finally:
        made.end()


def settle(seconds=SETTLE_S):
    time.sleep(seconds)


def ctl(stack_, *args):
    """tiffin-ctl; -> the finished process"""
    return subprocess.run([BIN_DIR / "tiffin-ctl", *args], env=stack_.environment(),
                          capture_output=True, text=True)


def tool(name, *args, **options):
    """A load generator that is running, its standard output a pipe."""
    return subprocess.Popen([TOOLS / name, *map(str, args)], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, **options)
