"""compose up of this repository with a real engine; without one all of it is skipped."""
import pathlib
import signal
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("browser", "chaos", "functions", "integration"):
    sys.path.append(str(TESTS / folder))

from engine import Engine, NoEngine  # noqa: E402
from project import ONE_EACH, Project  # noqa: E402
from tiffin_store import Store  # noqa: E402


@pytest.fixture(scope="session")
def engine():
    # A time limit's TERM ends the run as Ctrl-C does: nothing is left then either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        engine = Engine()
    except NoEngine as why:
        pytest.skip(f"no container engine: {why}")
    try:
        yield engine
    finally:
        engine.end()


@pytest.fixture(scope="session")
def built(engine):
    """The images are there; nothing runs."""
    try:
        project = Project(engine)
    except NoEngine as why:
        pytest.skip(f"no base image: {why}")
    try:
        project.build()
        yield project
    finally:
        project.down("--volumes", "--remove-orphans", "--rmi", "all", "--timeout", "5")
        left = project.left()
        assert not any(left.values()), left


@pytest.fixture
def project(built):
    """All of it runs, one of each, and is ready."""
    if built.scale != ONE_EACH:
        built.up(**ONE_EACH)
    return built


@pytest.fixture
def store(project):
    """A look into its Redis; at the end nothing is lost, doubled or charged twice."""
    store = Store(project)
    yield store
    store.check_everything()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the end of the containers' logs."""
    report = (yield).get_result()
    project = item.funcargs.get("project") if hasattr(item, "funcargs") else None
    if report.failed and project:
        report.sections.append(("logs", project.logs()))
