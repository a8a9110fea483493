"""The pages in a real Chromium, against a private stack."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from tiffin_http import Client  # noqa: E402
from tiffin_stack import Stack  # noqa: E402

try:
    from chromium import Browser, missing
except ImportError:  # no selenium
    Browser, missing = None, "python3-selenium is not installed"

# Long enough to be seen, short enough to wait for.
WAITS = {"DB_MS": 100, "MENU_MS": 200, "REVIEWS_MS": 300, "PAYMENT_MS": 700, "KITCHEN_MS": 300,
         "STAGE_MIN_MS": 250, "STAGE_MAX_MS": 350, "BROADCAST_MS": 200}
ARTEFACTS = pathlib.Path(__file__).parent / "artefacts"


def pytest_collection_modifyitems(items):
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"no browser test: {missing}: make deps-browser")
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(skip)


class Site:
    """A stack and a client of it."""

    def __init__(self, **settings):
        self.stack = Stack(**{**WAITS, **settings})
        self.http = Client(self.stack.port)
        self.url = f"http://localhost:{self.stack.port}"
        self._delivered = None

    def delivered(self):
        """The id of an order that has arrived."""
        if not self._delivered:
            self._delivered = self.http.place(item="Curry", quantity=2).json["order_id"]
            assert self.http.follow(self._delivered)[-1].type == "end"
        return self._delivered


def running(**settings):
    """A fixture's body: the site while it runs."""
    site = Site(**settings)
    try:
        site.stack.up()
        yield site
    finally:
        site.stack.end()


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
