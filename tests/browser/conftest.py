"""The pages in a real Chromium, against a private stack."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from tiffin_site import running  # noqa: E402

try:
    from chromium import Browser, missing
except ImportError:  # no selenium
    Browser, missing = None, "python3-selenium is not installed"

ARTEFACTS = pathlib.Path(__file__).parent / "artefacts"


def pytest_collection_modifyitems(items):
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"no browser test: {missing}: make deps-browser")
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def site():
    yield from running()


@pytest.fixture(scope="module")
def own_site():
    """One that a module may break."""
    yield from running()


@pytest.fixture(scope="module")
def limited_site():
    """One that counts our own requests: a page loads, and a crowd is refused."""
    yield from running(RATE=1, RATE_BURST=60, LIMIT_LOOPBACK=1)


@pytest.fixture(scope="session")
def chromium():
    browser = Browser()
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def browser(chromium):
    """A fresh window. At the end its console must be clean, but for what the test expects."""
    chromium.fresh()
    yield chromium
    chromium.check_console()


@pytest.fixture(scope="session")
def artefacts():
    shutil.rmtree(ARTEFACTS, ignore_errors=True)
    ARTEFACTS.mkdir()
    return ARTEFACTS
