import pytest

from functions_client import Functions, check_invariant
from functions_server import Server

CATALOGUE = ("restaurant:", "restaurants:", "catalogue:")


@pytest.fixture(scope="session")
def session_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis"))
    server.start()
    server.load()
    yield server
    server.stop()


@pytest.fixture
def server(session_server):
    """The server with its catalogue and nothing else. After each test the invariant holds."""
    admin = session_server.client("admin")
    kept = [key for key in admin.scan_iter(count=1000)
            if not key.startswith(CATALOGUE) and (not key.startswith("user:") or ":orders" in key)]
    if kept:
        admin.delete(*kept)
    yield session_server
    check_invariant(admin)


@pytest.fixture
def admin(server):
    return server.client("admin")


@pytest.fixture
def api(server):
    return Functions(server.client("api"))


@pytest.fixture
def worker(server):
    return Functions(server.client("worker"))


@pytest.fixture
def ws(server):
    return Functions(server.client("ws"))


@pytest.fixture
def gateway(server):
    return Functions(server.client("gateway"))
