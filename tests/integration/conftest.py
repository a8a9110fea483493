import pytest

from tiffin_stack import RunningStack, Stack
from tiffin_world import World


@pytest.fixture(scope="session")
def shared_world():
    """The one stack of all tests that need nothing special."""
    world = World(RunningStack() if RunningStack.is_given() else None)
    try:
        yield world.start()
    finally:
        world.stack.end()


def pytest_collection_modifyitems(config, items):
    """With a stack that runs already: only the tests that use the shared one, and do not hurt it."""
    if not RunningStack.is_given():
        return
    kept, left = [], []
    for item in items:
        names = set(item.fixturenames)
        is_kept = "shared_world" in names and not names & {"stack", "own_world"}
        (kept if is_kept else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture
def world(shared_world):
    """The shared stack; after each test nothing is lost, doubled or charged twice."""
    yield shared_world
    shared_world.store.check_everything()


@pytest.fixture
def http(world):
    return world.http


@pytest.fixture
def store(world):
    return world.store


@pytest.fixture
def stack(world):
    return world.stack


@pytest.fixture(scope="module")
def own_world():
    """A stack for one module, which may break it."""
    world = World()
    try:
        yield world.start()
    finally:
        world.stack.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the end of its stack's logs."""
    report = (yield).get_result()
    if not report.failed:
        return
    for world in {id(w): w for w in item.funcargs.values() if isinstance(w, World)
                  and isinstance(w.stack, Stack)}.values():
        try:
            logs = {name: world.stack.log(name) for name in ("api", "worker", "redis", "nginx")}
        except OSError:
            continue
        for name, text in logs.items():
            report.sections.append((f"end of {name}'s log", "\n".join(text.splitlines()[-12:])))
