"""The chat's door through nginx: which handshakes are let in, whatever else they carry, and what an
answer that refuses them says."""
import socket

import pytest

from tiffin_chat import PATH, ChatWorld, is_ready
from tiffin_stack import eventually
from tiffin_ws import JSON, Ws

UPGRADE = (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


@pytest.fixture(scope="module")
def door_world():
    world = ChatWorld(API_PROCESSES=1, WORKERS=0)
    try:
        yield world.start()
    finally:
        world.stack.end()


@pytest.fixture
def door(door_world):
    """A test before may have stopped the bridge."""
    eventually(lambda: is_ready(door_world.bridge()), "the bridge")
    return door_world


def header(name, n):
    return f"{name}: {'v' * n}"


@pytest.mark.parametrize("name, headers", [
    ("cookies", [header("Cookie", 8000)]),
    ("two cookies", [header("Cookie", 8000), header("Cookie", 8000)]),
    ("a token", [header("Authorization", 8000), header("Cookie", 8000)]),
    ("what a proxy adds", [header("X-Proxy-Says", 8000)] * 3),
    ("many headers", [f"X-Extra-{i}: {i}" for i in range(150)]),
    ("an odd value", ["X-Odd: a\x01b\x7f"]),
])
def test_what_a_page_may_carry_the_chat_may_too(door, name, headers):
    page = "\r\n".join(["GET /status HTTP/1.1", "Host: localhost", *headers, "", ""])
    assert door.http.raw(page.encode()).status == 200, name
    with Ws(door.stack.port, headers=headers) as ws:
        assert ws.status == 101, (name, ws.body)
        assert ws.headers["x-request-id"]


def test_a_long_address_too(door):
    with Ws(door.stack.port, path=f"{PATH}?{'x' * 7900}&after=0") as ws:
        assert ws.status == 101, ws.body


def test_secrets_stay_with_nginx(door):
    """A bridge of our own making, that shows what it gets."""
    path = door.stack.folder / "ws" / "ws.sock"
    with door.stack.without("ws"), socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        with socket.create_connection(("127.0.0.1", door.stack.port)) as s:
            s.sendall(b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE +
                      b"Cookie: a=secret\r\nAuthorization: Basic secret\r\nX-Forwarded-For: forged\r\n"
                      b"Proxy-Authorization: Basic secret\r\nX-Request-Id: my-own-request\r\n\r\n")
            bridge, _ = listener.accept()
            with bridge:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += bridge.recv(65536)
        path.unlink()
    lines = head.decode().lower().split("\r\n")
    assert "secret" not in head.decode() and "forged" not in head.decode()
    assert "x-forwarded-for: 127.0.0.1" in lines and "x-request-id: my-own-request" in lines
    assert "upgrade: websocket" in lines


def test_lists_may_come_in_several_lines(door):
    with Ws(door.stack.port, headers=["Sec-WebSocket-Protocol: other",
                                      f"Sec-WebSocket-Protocol: {JSON}"]) as ws:
        assert ws.status == 101 and ws.headers["sec-websocket-protocol"] == JSON


@pytest.mark.parametrize("request_, status", [
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\n", 426),
    (b"GET /ws/support-chat HTTP/1.0\r\nHost: localhost\r\n" + UPGRADE, 426),
    (b"GET /ws/support-chat?after=-1 HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE, 400),
    (b"GET /ws/support-chat?after=1&after=2 HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE, 400),
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
     b"Origin: http://evil.example\r\n" + UPGRADE, 403),
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
     b"Origin: http://localhost\r\n" + UPGRADE, 403),
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE +
     b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 400),
    (b"POST /ws/support-chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n", 405),
    (b"DELETE /ws/support-chat HTTP/1.1\r\nHost: localhost\r\n", 405),
    (b"OPTIONS /ws/support-chat HTTP/1.1\r\nHost: localhost\r\n", 405),
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n" + UPGRADE, 400),
    (b"GET /ws/support-chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + UPGRADE,
     400),
])
def test_a_refusal_is_a_problem_with_its_manners(door, request_, status):
    body = b"2\r\nhi\r\n0\r\n\r\n" if b"chunked" in request_ else b"hi" if b"Length" in request_ else b""
    answer = door.http.raw(request_ + b"X-Request-Id: my-own-request\r\n\r\n" + body)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.all("Cache-Control") == ["no-store"]
    assert answer.all("X-Request-Id") == ["my-own-request"] == [answer.json["request_id"]]
    assert answer.json["status"] == status
    assert answer.all("Allow") == (["GET"] if status == 405 else [])
    assert answer.all("Upgrade") == (["websocket"] if status == 426 else [])
    assert answer.all("Sec-WebSocket-Version") == (["13"] if status == 426 else [])


def test_head_is_refused_without_a_body(door):
    answer = door.http.request("HEAD", PATH)
    assert answer.status == 405 and answer.headers["Allow"] == "GET" and not answer.body


def test_a_bridge_that_is_away(door):
    with door.stack.without("ws"):
        answer = door.http.get(PATH)
        assert answer.status == 503 and answer.headers["Retry-After"]
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_a_bridge_names_a_request_that_nobody_named(door):
    """Straight at it, without nginx."""
    with Ws(door.bridge(), headers=["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]) as ws:
        assert ws.status == 400 and len(ws.body["request_id"]) >= 16
        assert ws.body["request_id"] == ws.headers["x-request-id"]
    with Ws(door.bridge(), headers=[header("X-Long", 60000)]) as ws:
        assert ws.status == 431 and ws.body["request_id"] == ws.headers["x-request-id"]
