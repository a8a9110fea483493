"""How much may be said in the chat: by one address, whatever it opens, and by all of them together.
Addresses are what nginx says of them: a client straight at the bridge says so itself."""
import contextlib
import uuid

import pytest

import tiffin_ws as tw
from tiffin_chat import history_of, strict_world
from tiffin_stack import eventually
from tiffin_ws import JSON, Ws

BURST = 20
SETTINGS = {"CHAT_RATE": 1, "CHAT_BURST": BURST, "CHAT_BYTES_RATE": 1000, "CHAT_BYTES_BURST": 20000,
            "CHAT_ANNOUNCE": 0, "STREAMS_PER_CLIENT": 1000}


@pytest.fixture
def world():
    world = strict_world(**SETTINGS)
    try:
        yield world
    finally:
        world.stack.end()


def at(world, address, **how):
    return Ws(world.bridge(), headers=[f"X-Forwarded-For: {address}"], **how)


def flood(sockets, data, times=100):
    """Each of them says it until it is told to stop. -> the reasons"""
    reasons = set()
    for ws in sockets:
        with contextlib.suppress(OSError):  # it may have gone before all of it was sent
            for _ in range(times):
                ws.send_bytes(data)
        assert ws.wait_close() == 1008
        reasons.add(ws.close_reason)
        ws.hang_up()
    return reasons


def test_many_connections_say_no_more_than_one(world):
    with at(world, "203.0.113.9") as listener:
        before = world.top()
        sockets = [world.plain() for _ in range(30)]
        # Few enough to stay below what may be said in bytes, however much is read at once.
        assert flood(sockets, tw.encode(tw.TEXT, b"flood"), BURST + 10) == {"too many messages"}
        flood([world.plain()], tw.encode(tw.TEXT, b"flood"))  # calling again is no help
        # A message a second, and this took far less than a second for each connection.
        assert BURST <= world.top() - before < 2 * BURST
        listener.say("I am another")
        listener.wait_text("Message: I am another")


@pytest.mark.parametrize("first, second", [
    ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4"), ("192.0.2.7", "::ffff:192.0.2.7"),
])
def test_one_network_is_one_client(world, first, second):
    flood([at(world, first)], tw.encode(tw.TEXT, b"flood"))
    flood([at(world, second)], tw.encode(tw.TEXT, b"flood"))
    assert world.top() < 2 * BURST


BYTES = {
    "long messages": tw.encode(tw.TEXT, b"x" * 4096),
    "pings": tw.encode(tw.PING, b"x" * 100) * 40,
    "pongs": tw.encode(tw.PONG) * 700,
    "empty fragments": tw.encode(tw.TEXT, fin=False) + tw.encode(0, fin=False) * 5000,
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_count_whatever_they_are(world, name):
    assert flood([world.plain()], BYTES[name]) == {"too many bytes"}
    flood([world.plain()], BYTES["long messages"])
    assert world.top() <= 5


def test_the_room_has_a_ceiling_and_whoever_is_over_it_is_told():
    world = strict_world(CHAT_ROOM_RATE=2000, CHAT_RATE=1000, CHAT_BURST=1000, CHAT_BYTES_RATE=0,
                         CHAT_ANNOUNCE=0)
    text = "x" * 3000
    try:
        with contextlib.ExitStack() as all_:
            talkers = [all_.enter_context(at(world, f"203.0.113.{i}", protocol=JSON))
                       for i in range(6)]
            keys = [uuid.uuid4().hex for _ in talkers]
            for ws in talkers:
                history_of(ws)
            talkers[0].say(text, key=keys[0])
            answers = [talkers[0].json("accepted", "error")]
            for ws, key in zip(talkers[1:], keys[1:]):
                ws.say(text, key=key)
            answers += [ws.json("accepted", "error") for ws in talkers[1:]]
            assert [answer["key"] for answer in answers] == keys
            busy = [i for i, answer in enumerate(answers) if answer.get("error") == "busy"]
            assert answers[0]["type"] == "accepted" and busy and "again" in answers[busy[0]]["text"]
            with at(world, "203.0.113.99") as plain:
                plain.say(text)
                assert plain.wait_close() == 1013 and "busy" in plain.close_reason
            ws, key = talkers[busy[0]], keys[busy[0]]

            def is_accepted():  # said again with its key, as its text asks for
                ws.say(text, key=key)
                return ws.json("accepted", "error")["type"] == "accepted"
            eventually(is_accepted, "room for it")
    finally:
        world.stack.end()
