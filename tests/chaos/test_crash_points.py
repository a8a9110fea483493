"""A process dies before or after each single call to Redis (and so to the simulated gateway), and
the others go on: nothing is lost, nothing doubled, nobody charged twice.

First each scenario runs undisturbed and notes the points that its worker passes; each point
"<phase> <call> <k>" is then a test: a worker of the crash build (base/crash.h) is killed exactly
there. Nothing is random. The runs are mostly waiting, so several go on at once, each on a Redis of
its own; a test waits for its own run."""
import concurrent.futures
import signal

import pytest

from chaos_bench import CRASH_BIN_DIR, shared_benches, wait_until
from crash_api import REQUESTS, ApiBench
from crash_scenarios import SCENARIOS, alive

pytestmark = pytest.mark.once

PHASES = ("before", "after")


# ---- one run -------------------------------------------------------------------------------------

def run(bench, name, crash=None):
    """One scenario. crash: where its worker dies; None: undisturbed. -> the points it passed"""
    scenario = SCENARIOS[name]
    bench.clear()
    ids = scenario.prepare(bench)
    victim = bench.worker(scenario.settings, crash, is_watched=True)
    scenario.accompany(bench, victim, ids)

    def has_ended():
        bench.hurry()
        return not alive(victim) or (not crash and bench.are_over(ids) and scenario.is_over(bench))
    wait_until(has_ended, f"{name}: the point {crash}\n{bench.log()}",
               scenario.reached_s)
    if crash:
        assert victim.returncode == -signal.SIGKILL, f"it ended otherwise: {bench.log()}"
        assert not (bench.folder / "crash").exists()
    else:
        try:
            victim.wait(0.2)  # for the answers that are on their way
        except Exception:
            victim.kill()
            victim.wait()
    passed = bench.points_passed()

    scenario.resume(bench, ids)
    successor = bench.worker(scenario.settings if scenario.successor is None
                             else scenario.successor)

    def is_over():
        bench.hurry()
        return bench.are_over(ids) and scenario.is_over(bench)
    wait_until(is_over, f"{name}, crash {crash}: all jobs over, in\n{bench.log()}")
    assert alive(successor), bench.log()
    bench.kill_all()  # nothing moves any more
    bench.check()
    scenario.check(bench, ids)
    return passed


# ---- which points there are ----------------------------------------------------------------------

def points_of(name, passed):
    """["<phase> <call> <k>", ...] in a fixed order."""
    only = SCENARIOS[name].only if name in SCENARIOS else None
    points = []
    for point, times in sorted(passed.items()):
        phase, call = point.split()
        assert phase in PHASES, point
        if only is None or call in only:
            points += [f"{point} {k}" for k in range(1, times + 1)]
    return points


def prepared(config):
    """What the undisturbed runs passed; found once, when tests are collected."""
    if not hasattr(config, "tiffin_passed"):
        if not (CRASH_BIN_DIR / "tiffin-worker").exists():
            raise RuntimeError("the crash build is missing: make CRASH_POINTS=1")
        benches = shared_benches(config)
        futures = {name: benches.submit(run, name) for name, scenario in SCENARIOS.items()
                   if not scenario.points}
        config.tiffin_api = api = ApiBench()
        config.add_cleanup(api.end)
        background = api.background()
        config.tiffin_passed = {name: future.result() for name, future in futures.items()}
        config.tiffin_passed.update((name, api.points(name, background)) for name in REQUESTS)
    return config


def pytest_generate_tests(metafunc):
    if "point" not in metafunc.fixturenames:
        return
    passed = prepared(metafunc.config).tiffin_passed
    points = [(name, point) for name, scenario in SCENARIOS.items()
              for point in scenario.points or ()]  # first: they take longest
    points += [(name, point) for name in passed for point in points_of(name, passed[name])]
    metafunc.parametrize("point", points, ids=[f"{name}-{point.replace(' ', '-')}"
                                               for name, point in points])


@pytest.fixture(scope="session")
def runs(request):
    """{(scenario, point): future} of the selected tests, all begun at once."""
    config = prepared(request.config)
    chosen = [item.callspec.params["point"] for item in request.session.items
              if item.name.startswith("test_killed[")]
    api = concurrent.futures.ThreadPoolExecutor(1)
    return {(name, point): api.submit(config.tiffin_api.run, name, point) if name in REQUESTS
            else shared_benches(config).submit(run, name, point) for name, point in chosen}


def test_the_list_is_whole(request):
    """Every call there should be is one of the points, before and after."""
    passed = prepared(request.config).tiffin_passed
    calls = {point for counts in passed.values() for point in counts}
    names = {point.split()[1] for point in calls}
    assert {"place", "accept_update", "cancel", "beat", "take", "begin", "intent", "step", "fail",
            "publish_update", "reap", "leave", "gateway_charge", "gateway_refund", "LRANGE",
            "BLMOVE", "SMEMBERS", "TIME", "live_write", "INFO", "oldest", "release",
            "gateway_forget", "forget"} <= names
    assert calls >= {f"{phase} {name}" for phase in PHASES for name in names}


def test_killed(runs, point):
    runs[point].result()
