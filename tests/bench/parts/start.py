"""From `make up` to a green /readyz, with an empty store."""
import time

from figures import Figure
from harness import NO_LIMITS
from tiffin_stack import Stack

TITLE = "From start to ready"


def measure(run):
    yield Figure("make up, an empty store", "s", [start_s() for _ in range(run.pick(10, 3))],
                 better="lower", target=("<=", 0.4))


def start_s():
    made = Stack(**NO_LIMITS)
    try:
        began = time.monotonic()
        made.up()
        return time.monotonic() - began
    finally:
        made.end()
