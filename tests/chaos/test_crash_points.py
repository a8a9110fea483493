"""A process dies before or after each single call to Redis (and so to the simulated gateway), and
the others go on: nothing is lost, nothing doubled, nobody charged twice.

First each scenario runs undisturbed and notes the points that its worker passes; each point
"<phase> <call> <k>" is then a test: a worker of the crash build (base/crash.h) is killed exactly
there. Nothing is random. The runs are mostly waiting, so several go on at once, each on a Redis of
its own; a test waits for its own run."""
import concurrent.futures

import pytest

from chaos_bench import shared_benches
from crash_api import REQUESTS
from crash_points import PHASES, points_of, run, shared_api, undisturbed_runs
from crash_scenarios import SCENARIOS

pytestmark = pytest.mark.once


def pytest_generate_tests(metafunc):
    if "point" not in metafunc.fixturenames:
        return
    passed = undisturbed_runs(metafunc.config)
    points = [(name, point) for name, scenario in SCENARIOS.items()
              for point in scenario.points or ()]  # first: they take longest
    points += [(name, point) for name in passed for point in points_of(name, passed[name])]
    metafunc.parametrize("point", points, ids=[f"{name}-{point.replace(' ', '-')}"
                                               for name, point in points])


@pytest.fixture(scope="session")
def runs(request):
    """{(scenario, point): future} of the selected tests, all begun at once."""
    config = request.config
    chosen = [item.callspec.params["point"] for item in request.session.items
              if item.name.startswith("test_killed[")]
    api = concurrent.futures.ThreadPoolExecutor(1)
    return {(name, point): api.submit(shared_api(config).run, name, point) if name in REQUESTS
            else shared_benches(config).submit(run, name, point) for name, point in chosen}


def test_the_list_is_whole(request):
    """Every call there should be is one of the points, before and after."""
    passed = undisturbed_runs(request.config)
    calls = {point for counts in passed.values() for point in counts}
    names = {point.split()[1] for point in calls}
    assert {"place_orders", "accept_update", "cancel", "beat", "claim", "begin_jobs", "step_jobs", "fail",
            "publish_update", "reap", "leave", "gateway_charge", "gateway_refund", "active",
            "BLMOVE", "SMEMBERS", "TIME", "live_write", "INFO", "oldest", "release",
            "gateway_forget", "forget"} <= names
    assert calls >= {f"{phase} {name}" for phase in PHASES for name in names}


def test_killed(runs, point):
    runs[point].result()
