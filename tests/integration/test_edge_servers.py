"""nginx as in a container: what becomes of requests when servers vanish, die and come back."""
import concurrent.futures
import contextlib
import signal
import socket
import threading
import time

from shapes import check_problem
from tiffin_edge import PROCESSES, asking, edge, more, pytestmark, two  # noqa: F401
from tiffin_stack import eventually


def test_one_is_killed(edge):
    """No GET fails: what was under way is asked of the other one."""
    two(edge)
    with asking(edge.http, "/restaurants/resto_123") as statuses:
        more(statuses)
        edge.kill("tiffin-api", "127.0.0.3")
        more(statuses)
        edge.names(api=["127.0.0.2"])
        edge.wait_said("api at 127.0.0.2;")
        more(statuses)
        edge.serve("tiffin-api", "127.0.0.3")
        edge.names(api=["127.0.0.2", "127.0.0.3"])
        edge.wait_used("127.0.0.2", "127.0.0.3")


def test_orders_while_one_is_killed(edge, own_world):
    """A POST that was sent is never sent again by nginx; its client may, by its key."""
    two(edge)
    is_over, placed, refused = threading.Event(), [], []

    def place(who):
        while not is_over.is_set():
            key = f"key-{who}-{len(placed)}-{time.monotonic_ns()}"
            while (answer := edge.http.place(key=key)).status != 201:
                assert answer.status == 503, answer
                refused.append(answer)
            placed.append(answer.json["order_id"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(place, who) for who in range(4)]
        more(placed, 20)
        edge.kill("tiffin-api", "127.0.0.3")
        more(placed, 20)
        is_over.set()
    for one in asked:
        one.result()
    assert len(set(placed)) == len(placed)
    own_world.store.wait_settled(placed)


@contextlib.contextmanager
def deaf(edge, address):
    """As a machine that has lost its network: connections to it are not even refused."""
    with contextlib.ExitStack() as stack:
        for port in (*range(edge.api_port, edge.api_port + PROCESSES), edge.ws_port):
            listener = stack.enter_context(socket.socket())
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(3):  # its queue is full; what more comes is dropped
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex((address, port))
        yield


def test_one_neither_answers_nor_refuses(edge):
    edge.serve("tiffin-api", "127.0.0.2")
    with deaf(edge, "127.0.0.3"):
        edge.names(api=["127.0.0.2", "127.0.0.3"])
        edge.start()
        with asking(edge.http, "/status") as statuses:
            more(statuses)
        assert edge.http.place().status == 201, "never sent, so it may go to another"
    edge.wait_said(" s 504, 20")  # the deaf one was tried first


def test_nobody_answers_or_refuses(edge):
    """All containers are gone, their names are not yet: that is away (503), not slow (504)."""
    with deaf(edge, "127.0.0.2"):
        edge.names(api=["127.0.0.2"], ws=["127.0.0.2"])
        edge.start()
        # The first ones wait for the connection; later ones find everybody left out.
        for ask in (edge.http.place, lambda: edge.http.get("/status"),
                    lambda: edge.http.get("/ws/support-chat")) * 2:
            answer = ask()
            check_problem(answer, 503)
            assert answer.headers["Retry-After"] == "1"
        with edge.http.live("order_00aaaaaaaaaaaaaaaaaaaa") as stream:
            assert stream.status == 200 and stream.wait_retry() == 2000
    edge.wait_said(" s 504,")  # they were tried


def test_one_that_hangs_is_a_timeout(edge):
    """It has taken the request, so nobody knows what became of it: 504. (With less patience than
    is shipped: that is longer than any answer of the API takes.)"""
    edge.serve("tiffin-api", "127.0.0.2", DB_MS=1000)
    edge.names(api=["127.0.0.2"])
    edge.start()
    patience = edge.folder / "run" / "nginx" / "fastcgi.conf"
    patience.write_text(patience.read_text().replace("read_timeout 75s", "read_timeout 300ms"))
    edge.process.send_signal(signal.SIGHUP)

    def gave_up():  # the nginx before it still has its 200
        answer = edge.http.get("/restaurants/resto_123")
        return answer.status != 200 and answer
    check_problem(eventually(gave_up, "an answer of the new nginx"), 504)
