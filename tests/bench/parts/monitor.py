"""The live monitor with many viewers: once a second each of them is sent the same figures. How far from
a second two events of a viewer are apart is the jitter: what the queue of all the others costs it."""
import time

import processes
from figures import Figure
from harness import stack
from stream_load import finish, open_streams

TITLE = "The live monitor"


def measure(run):
    n, seconds = run.pick(5000, 1000, "VIEWERS"), run.pick(15, 4)
    rounds = [one_round(run, n, seconds) for _ in range(run.pick(3, 1))]
    for name, target in (("p50", None), ("p99", ("<=", 10))):
        yield Figure(f"{n:,} viewers: jitter, {name}", "ms", [found[name] for found, _ in rounds],
                     better="lower", target=target)
    yield Figure(f"{n:,} viewers: CPU of the API", "%", [100 * cpu for _, cpu in rounds],
                 better="lower", note="of one core")


def one_round(run, n, seconds):
    """-> streamload's report, the API's share of a core"""
    with stack(API_PROCESSES=2, WORKERS=1, WORKER_TTL_MS=10000) as tiffin:
        running = open_streams(tiffin, ["/live-monitor"], "--repeat", n, "--ticks", "--seconds",
                               seconds + n // 5000)
        cpu, began = processes.cpu_s(tiffin)["api"], time.monotonic()
        time.sleep(seconds / 2)
        share = (processes.cpu_s(tiffin)["api"] - cpu) / (time.monotonic() - began)
        return finish(run, running, f"{n} viewers"), share
