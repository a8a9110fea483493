"""Where a process can die: before and after each of its calls to Redis. What each scenario passes when
nothing happens, and the run in which its worker dies at one of those points."""
import signal

from chaos_bench import CRASH_BIN_DIR, shared_benches, wait_until
from crash_api import REQUESTS, ApiBench
from crash_scenarios import SCENARIOS, alive

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


def shared_api(config):
    """One for the whole pytest session."""
    if not hasattr(config, "tiffin_api"):
        config.tiffin_api = ApiBench()
        config.add_cleanup(config.tiffin_api.end)
    return config.tiffin_api


def undisturbed_runs(config):
    """-> {scenario: {"<phase> <call>": how often it was passed}}; found once in a session."""
    if hasattr(config, "workerinput"):  # pytest-xdist's: conftest.py has found them
        return config.workerinput["crash_points"]
    if not hasattr(config, "tiffin_passed"):
        if not (CRASH_BIN_DIR / "tiffin-worker").exists():
            raise RuntimeError("the crash build is missing: make CRASH_POINTS=1")
        benches, api = shared_benches(config), shared_api(config)
        futures = {name: benches.submit(run, name) for name, scenario in SCENARIOS.items()
                   if not scenario.points}
        background = api.background()
        config.tiffin_passed = {name: dict(future.result()) for name, future in futures.items()}
        config.tiffin_passed.update((name, dict(api.points(name, background))) for name in REQUESTS)
    return config.tiffin_passed
