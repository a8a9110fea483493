"""The support chat through nginx: what everyone gets, what closes a connection and with which code,
and that no message is lost, doubled or out of order, whatever dies."""
import asyncio
import collections
import contextlib
import json
import random
import selectors
import signal
import subprocess
import threading
import time
import uuid

import pytest
import requests
import websockets

import tiffin_ws as tw
from conftest import World
from tiffin_halfopen import HalfOpen
from tiffin_stack import BIN_DIR, DEADLINE_S, eventually
from tiffin_ws import JSON, Ws

PATH = "/ws/support-chat"
JOINED = "A new user has joined the mock chat."
LEFT = "A user has left the chat."


class ChatWorld(World):
    def plain(self, **how):
        """A client of the chat, that has heard of its own coming."""
        ws = Ws(self.stack.port, **how)
        assert ws.status == 101, ws.body
        return ws

    def json(self, after=None, **how):
        path = PATH if after is None else f"{PATH}?after={after}"
        ws = Ws(self.stack.port, path=path, protocol=JSON, **how)
        assert ws.status == 101, ws.body
        assert ws.headers["sec-websocket-protocol"] == JSON
        return ws

    def bridge(self, number=1):
        return self.stack.folder / "ws" / ("ws.sock" if number == 1 else f"ws-{number}.sock")

    def top(self):
        return int(self.store.redis.hget("count:{s00}", "chat_messages") or 0)

    def post(self, text, port_ws=None):
        with self.json() as ws:
            ws.json("presence")
            ws.say(text, user="poster")
            ws.wait_json("message", text=text)

    def is_ready(self, number=1):
        return is_ready(self.bridge(number))

    @contextlib.contextmanager
    def own_bridge(self, **settings):
        """One more bridge, with other settings and no supervisor. Yields its socket."""
        path = self.stack.folder / "ws" / "own.sock"
        folder = self.stack.folder / "log" / "own-ws"
        folder.mkdir(exist_ok=True)
        with open(folder / "current", "ab") as log:
            process = subprocess.Popen(
                [BIN_DIR / "tiffin-ws"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.stack.environment(WS_LISTEN=path, **settings))
        try:
            eventually(lambda: is_ready(path), "a bridge of our own")
            yield path
        finally:
            process.terminate()
            assert process.wait(DEADLINE_S) == 0


def is_ready(path):
    try:
        with Ws(path, path="/readyz") as ws:
            return ws.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def chat_world():
    """Two bridges, no rate limit, everything else as it comes."""
    world = ChatWorld(BRIDGES=2, CHAT_RATE=0, API_PROCESSES=1)
    try:
        world.start()
        eventually(lambda: world.is_ready(1) and world.is_ready(2), "the bridges")
        yield world
    finally:
        world.stack.end()


@pytest.fixture
def world(chat_world):
    """After each test both bridges are well, and nobody is left in the chat."""
    yield chat_world
    eventually(lambda: chat_world.is_ready(1) and chat_world.is_ready(2), "the bridges")
    eventually(lambda: present(chat_world) == 0, "an empty chat")


@pytest.fixture
def fresh_world():
    """A chat without a past: of nobody is still to be told that he came or went."""
    world = strict_world(CHAT_RATE=0, BRIDGES=2)
    try:
        eventually(lambda: world.is_ready(2), "the other bridge")
        yield world
    finally:
        world.stack.end()


def present(world):
    members = world.store.redis.zrange("chat:{s00}:present", 0, -1)
    return sum(int(member.rpartition("=")[2]) for member in members)


def strict_world(**settings):
    world = ChatWorld(API_PROCESSES=1, WORKERS=0, **settings)
    world.start()
    eventually(world.is_ready, "the bridge")
    return world


def history_of(ws):
    """All messages of the history frames, up to the last of them."""
    found = []
    while True:
        frame = ws.json("history")
        found += frame["messages"]
        if not frame["more"]:
            return found


def newest_of_join(world, number):
    with Ws(world.bridge(number), protocol=JSON) as ws:
        return max(ids(history_of(ws)), default=0)


def wait_both_have(world, id_):
    """Until both bridges have heard of this message: whoever comes then finds it in his history."""
    eventually(lambda: newest_of_join(world, 1) == newest_of_join(world, 2) == id_,
               "both bridges to have it")


def next_message(ws):
    """The next message. Comings and goings, of a test before too, are told at any moment."""
    while not (text := ws.text()).startswith("Message: "):
        pass
    return text


def ids(messages):
    return [message["id"] for message in messages]


# ---- plain text -----------------------------------------------------------------------------------


def test_the_plain_chat_as_the_showcase_speaks_it(fresh_world):
    world = fresh_world
    with world.plain() as a:
        assert a.text() == JOINED
        with world.plain() as b:
            assert b.text() == JOINED and a.text() == JOINED
            b.say("Is it hot?")
            assert a.text() == b.text() == "Message: Is it hot?"
            a.say("")
            assert a.text() == b.text() == "Message: "
            a.say("caf\u00e9 \U0001f35b {}")
            assert a.text() == b.text() == "Message: caf\u00e9 \U0001f35b {}"
        assert a.text() == LEFT


def test_with_debians_websockets(world):
    async def heard_by(ws):
        while not (text := await ws.recv()).startswith("Message: "):
            pass  # comings and goings are told at any moment
        return text

    async def talk():
        uri = f"ws://127.0.0.1:{world.stack.port}{PATH}"
        async with websockets.connect(uri) as a, \
                websockets.connect(uri, subprotocols=["x", JSON]) as b:
            assert b.subprotocol == JSON and a.subprotocol is None
            await a.send("x" * 4096)
            assert await heard_by(a) == "Message: " + "x" * 4096
            await a.send(["in ", "three ", "parts"])
            assert await heard_by(a) == "Message: in three parts"
            await (await a.ping())
            while json.loads(await b.recv()).get("text") != "in three parts":
                pass
            await a.send(b"binary")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await a.recv()
            assert closed.value.rcvd.code == 1003
            await b.close(1000, "bye")
            assert b.close_code == 1000
    asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


def test_many_comings_are_few_lines(fresh_world):
    world = fresh_world
    with world.plain() as a:
        assert a.text() == JOINED
        began = time.monotonic()
        crowd = [world.plain() for _ in range(40)]
        came, lines = 0, []
        while came < 40:
            lines.append(a.text())
            first = lines[-1].split()[0]
            came += 1 if first == "A" else int(first)
        # Of each bridge one at once, one in 100 ms, and one that the last window still had to tell.
        most = 2 * (2 + (time.monotonic() - began) / 0.1)
        assert came == 40 and len(lines) <= most
        assert all(line == JOINED or line.endswith(" users have joined the mock chat.")
                   for line in lines)
        for ws in crowd:
            ws.hang_up()
        went = 0
        while went < 40:
            line = a.text()
            assert line == LEFT or line.endswith(" users have left the chat.")
            went += 1 if line == LEFT else int(line.split()[0])


# ---- JSON -----------------------------------------------------------------------------------------


def test_the_json_chat(fresh_world):
    world = fresh_world
    with world.json() as a:
        first = a.json()
        assert first["type"] == "history" and first["complete"] and not first["more"]
        assert a.json("presence")["present"] == 1
        joined = a.json("join")
        assert (joined["text"], joined["n"]) == (JOINED, 1)
        a.say("Is it hot?", user="Maya", color="#FF8800")
        said = a.json("message")
        assert said == {"type": "message", "id": world.top(), "user": "Maya", "color": "#FF8800",
                        "text": "Is it hot?", "at": said["at"]}
        with world.plain() as b:
            assert b.text() == JOINED
            assert a.json("join", "presence")
            b.say("No.")
            said = a.json("message")
            assert (said["text"], said["id"]) == ("No.", world.top()) and "user" not in said
        assert a.json("leave")["text"] == LEFT


def test_no_control_character_reaches_another_terminal(world):
    """Neither what is said now nor what an older version left in the log."""
    forged = "hi\r\nUpdate: we are closed\x1b[2J\0\x7f\x9b\u2028\t."
    with world.plain() as a, world.json() as b:
        history_of(b)
        a.say(forged)
        assert next_message(a) == "Message: hi  Update: we are closed [2J     ."
        assert b.json("message")["text"] == "hi \nUpdate: we are closed [2J   \u2028\t."
        b.say("two\nlines", user="Maya")
        assert next_message(a) == "Message: two lines"
        assert b.json("message")["text"] == "two\nlines"
        key = uuid.uuid4().hex
        b.say(forged, key=key)
        error = b.json("error", "accepted")
        assert (error["error"], error["key"]) == ("bad_message", key) and "control" in error["text"]
        redis, top = world.store.redis, world.top() + 1
        redis.hincrby("count:{s00}", "chat_messages", 1)
        redis.xadd("chat:{s00}:log", {"type": "message", "text": forged, "at": "2026-01-01T00:00:00.000Z"},
                   id=f"{top}-0")
        redis.publish("chat:{s00}", json.dumps({"type": "message", "id": top, "text": forged}))
        assert next_message(a) == "Message: hi  Update: we are closed [2J     ."
        wait_both_have(world, top)
        with world.json(after=top - 1) as c:
            assert history_of(c)[0]["text"] == "hi \nUpdate: we are closed [2J   \u2028\t."


@pytest.mark.parametrize("text, why", [
    ("not JSON", "JSON"), ("", "JSON"), ("[]", "object"), ("{", "JSON"), ('{"text":1}', "text"),
    ('{"text":"a","user":7}', "user"), ('{"text":"a","user":"' + "u" * 33 + '"}', "32"),
    ('{"text":"a","user":"a\\nb"}', "control"), ('{"text":"a","color":"red"}', "color"),
    ('{"text":"a","color":"#12345"}', "color"), ('{"text":"a"} x', "JSON"),
    ('[[[[[[["deep"]]]]]]]', "JSON"),
])
def test_bad_json_is_answered_and_nothing_else_happens(world, text, why):
    top = world.top()
    with world.json() as a:
        a.send(tw.TEXT, text.encode())
        error = a.json("error")
        assert why in error["text"] and error["error"] == "bad_message"
        a.say("")  # ignored
        a.say("good", user="\u00fc" * 32, color=None, more=[1])
        assert a.json("message", "error")["text"] == "good"
    assert world.top() == top + 1


def test_a_message_with_a_key_is_acknowledged_and_said_once(world):
    key = uuid.uuid4().hex
    top = world.top()
    with world.json() as a, Ws(world.bridge(2), protocol=JSON) as b:
        history_of(a), history_of(b)
        a.say("one", user="Maya", key=key)
        assert a.json("accepted", "error") == {"type": "accepted", "key": key, "id": top + 1,
                                               "repeated": False}
        b.say("one", user="Maya", key=key)  # as if it had been cut off; over the other bridge
        assert b.json("accepted", "error") == {"type": "accepted", "key": key, "id": top + 1,
                                               "repeated": True}
        b.say("two", key=uuid.uuid4().hex)
        assert b.json("accepted")["id"] == top + 2
        with world.json(after=top) as c:  # nobody else sees a key
            heard = history_of(c)
            while len(heard) < 2:  # its bridge may not have heard it yet: the answer is faster
                heard.append(c.json("message"))
        assert [(m["id"], m["text"]) for m in heard] == [(top + 1, "one"), (top + 2, "two")]
        assert not any("key" in m for m in heard)
        for wrong in ({"text": "three", "color": "red"}, {"text": ""}):
            a.say(key=key, **wrong)
            error = a.json("error", "accepted")
            assert (error["error"], error["key"]) == ("bad_message", key)
    assert world.top() == top + 2


def test_the_last_fifty_on_join_then_live_without_a_gap(world):
    with world.json() as a:
        for i in range(60):
            a.say(f"m{i}")
        top = a.wait_json("message", text="m59")["id"]
        wait_both_have(world, top)
        with world.json() as b:
            old = history_of(b)
            assert ids(old) == list(range(top - 49, top + 1))
            assert [m["text"] for m in old] == [f"m{i}" for i in range(10, 60)]
            a.say("live")
            assert b.json("message")["id"] == top + 1


@pytest.mark.parametrize("behind", [0, 1, 49, 50, 51, 120, 400])
def test_resume_by_id(world, behind):
    with world.json() as a:
        if world.top() < 500:
            for i in range(500 - world.top()):
                a.say(f"filler {i}")
            eventually(lambda: world.top() >= 500, "500 messages")
    top = world.top()
    wait_both_have(world, top)
    with world.json(after=top - behind) as b:
        assert ids(history_of(b)) == list(range(top - behind + 1, top + 1))
        b.say("now")
        assert b.json("message")["id"] == top + 1


def test_resume_while_others_talk(world):
    stop = threading.Event()

    def talk():
        with world.plain() as ws:
            while not stop.is_set():
                ws.say("x" * 200)
                ws.text()
                time.sleep(0.005)  # who resumes must come faster than 10,000 are said
    talkers = [threading.Thread(target=talk) for _ in range(3)]
    for thread in talkers:
        thread.start()
    try:
        last = None
        for _ in range(25):
            with world.json(after=last) as ws:
                seen = [] if last is None else [last]
                enough = random.randrange(20, 120)
                while len(seen) < enough:
                    frame = ws.json("message", "history")
                    assert frame.get("complete", True)
                    seen += ids(frame["messages"]) if frame["type"] == "history" else [frame["id"]]
                assert seen == list(range(seen[0], seen[-1] + 1))
                last = seen[-1]
    finally:
        stop.set()
        for thread in talkers:
            thread.join()


def test_an_id_that_was_never_given_begins_anew_and_says_so(world):
    world.post("something")
    wait_both_have(world, world.top())
    with world.json(after=10 ** 12) as a:
        frame = a.json("history")
        assert not frame["complete"] and frame["messages"][-1]["id"] == world.top()
        a.say("live")
        assert a.json("message")["id"] == world.top()


def test_what_the_log_has_lost_is_told(world):
    world.post("old")
    top = world.top()
    world.store.redis.xtrim("chat:{s00}:log", maxlen=0)
    world.stack.kill("ws")
    world.stack.kill("ws-2")
    eventually(lambda: world.is_ready(1) and world.is_ready(2), "the bridges")
    world.post("new")
    wait_both_have(world, top + 1)
    with world.json(after=top - 1) as a:
        frame = a.json("history")
        assert not frame["complete"] and ids(frame["messages"]) == [top + 1]


def test_presence_over_both_bridges(world):
    with world.json() as a:
        others = [world.plain() for _ in range(7)]
        a.wait_json("presence", "join", present=8)
        with world.json() as b:
            b.json("history")
            b.wait_json("presence", "join", present=9)
        for ws in others:
            ws.hang_up()
        a.wait_json("presence", "leave", present=1)


def test_updates_come_on_both_languages(world):
    with world.plain() as a, world.json() as b:
        answer = world.http.post("/new-update-and-broadcast?message=We+open+at+noon")
        assert answer.status == 202
        a.wait_text("Update: We open at noon")
        update = b.json("update")
        assert update["text"] == "We open at noon" and update["id"] == world.top()


# ---- the rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, frames, code", [
    ("not masked", [tw.encode(tw.TEXT, b"x", mask=False)], 1002),
    ("reserved bit", [tw.encode(tw.TEXT, b"x", rsv=4)], 1002),
    ("reserved opcode", [tw.encode(3, b"x")], 1002),
    ("continues nothing", [tw.encode(0, b"x")], 1002),
    ("text in a text", [tw.encode(tw.TEXT, b"x", fin=False), tw.encode(tw.TEXT, b"x")], 1002),
    ("ping in parts", [tw.encode(tw.PING, b"x", fin=False)], 1002),
    ("long ping", [tw.encode(tw.PING, b"x" * 126)], 1002),
    ("close 1005", [tw.encode(tw.CLOSE, b"\x03\xed")], 1002),
    ("half a close code", [tw.encode(tw.CLOSE, b"\x03")], 1002),
    ("binary", [tw.encode(tw.BINARY, b"x")], 1003),
    ("not UTF-8", [tw.encode(tw.TEXT, b"caf\xe9")], 1007),
    ("not UTF-8 over fragments",
     [tw.encode(tw.TEXT, b"\xf0\x9f", fin=False), tw.encode(0, b"\x28", fin=False)], 1007),
    ("reason not UTF-8", [tw.encode(tw.CLOSE, b"\x03\xe8\xff")], 1007),
    ("too long", [tw.encode(tw.TEXT, b"x" * 4097)], 1009),
    ("too long over fragments",
     [tw.encode(tw.TEXT, b"x" * 4000, fin=False), tw.encode(0, b"x" * 97)], 1009),
])
def test_a_broken_rule_is_a_close_code(world, name, frames, code):
    for cut in (0, 1):  # in one piece, byte by byte
        with world.plain() as a:
            data = b"".join(frames)
            for piece in [data] if not cut else [data[i:i + 1] for i in range(min(len(data), 40))]:
                a.send_bytes(piece)
            if cut and len(data) > 40:
                a.send_bytes(data[40:])
            assert a.wait_close() == code, name
            assert a.close_reason


def test_the_longest_message_passes(world):
    with world.plain() as a:
        a.say("x" * 4096)
        a.wait_text("Message: " + "x" * 4096)


def test_closing_is_answered_with_the_same_code(world):
    for payload, code in ((b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000), (b"", None)):
        with world.plain() as a:
            a.send(tw.CLOSE, payload)
            a.send(tw.TEXT, b"after the close: not read")
            assert a.wait_close() == code


def test_pings_are_answered_between_fragments(world):
    with world.plain() as a:
        a.send(tw.TEXT, b"two ", fin=False)
        a.send(tw.PING, b"are you there?")
        while (frame := a.frame()).opcode == tw.TEXT:
            assert not frame.payload.startswith(b"Message: ")
        assert frame == tw.Frame(tw.PONG, b"are you there?")
        a.send(0, b"parts")
        assert next_message(a) == "Message: two parts"


@pytest.mark.parametrize("headers, status", [
    (["Origin: https://evil.example"], 403), (["Origin: null"], 403),
    (["Origin: http://localhost"], 101), (["Origin: https://LOCALHOST"], 101), ([], 101),
    (["Sec-WebSocket-Version: 13"], 400), (["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="], 400),
])
def test_who_is_let_in(world, headers, status):
    with Ws(world.stack.port, headers=headers) as ws:
        assert ws.status == status
        if status != 101:
            assert ws.body is None or ws.body["status"] == status


def test_the_wrong_version_is_told_the_right_one(world):
    answer = requests.get(f"http://127.0.0.1:{world.stack.port}{PATH}", timeout=DEADLINE_S, headers={
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "8",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    assert answer.status_code == 426 and answer.headers["Sec-WebSocket-Version"] == "13"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    answer = requests.get(f"http://127.0.0.1:{world.stack.port}{PATH}", timeout=DEADLINE_S)
    assert answer.status_code == 426 and answer.headers["Upgrade"] == "websocket"
    answer = requests.post(f"http://127.0.0.1:{world.stack.port}{PATH}", timeout=DEADLINE_S)
    assert answer.status_code == 405


def test_the_rate_and_the_settings_of_a_strict_bridge():
    world = strict_world(CHAT_RATE=10, CHAT_BURST=20, CHAT_ANNOUNCE=0, CHAT_MAX_BYTES=16777216,
                         REDIS_TIMEOUT_MS=60000,  # 15 MB take their time on a busy machine
                         CHAT_ORIGINS="https://shop.example http://b:81")
    try:
        from_elsewhere = ["X-Forwarded-For: 203.0.113.9"]
        with world.plain() as a, Ws(world.bridge(), headers=from_elsewhere) as other:
            for i in range(20):
                a.say(str(i))
            assert a.text() == "Message: 0"  # no line told of its coming
            a.wait_text("Message: 19")
            other.wait_text("Message: 19")
            time.sleep(0.35)
            for i in range(3):
                a.say("again")
                assert a.text() == "Message: again"
            # In one piece: sent one by one, a slow machine would keep to the rate, or a closed
            # connection refuse the last of them.
            a.send_bytes(tw.encode(tw.TEXT, b"too many") * 400)
            assert a.wait_close() == 1008
            other.say("still here")
            other.wait_text("Message: still here")
        with Ws(world.bridge(), protocol=JSON, headers=from_elsewhere) as a:
            big = "\u00fc" * 2500000  # 15 MB as it is sent
            a.say(big)
            assert a.wait_json("message", "error")["text"] == big
        for origin, status in (("https://shop.example", 101), ("http://b:81", 101),
                               ("http://b", 403), ("https://shop.example.evil", 403)):
            with Ws(world.stack.port, headers=["Origin: " + origin]) as ws:
                assert ws.status == status, origin
    finally:
        world.stack.end()


def test_pings_and_who_does_not_answer_them():
    world = strict_world(CHAT_PING_MS=300, CHAT_PONG_MS=300, CHAT_ANNOUNCE=0)
    try:
        with world.plain() as a:  # never answers a ping
            a.send(tw.PING, b"")
            frames = []
            while frame := a.frame():
                frames.append(frame.opcode)
            assert tw.PING in frames and a.close_code == 1011

        def stays():
            """Who answers; unless this machine was too slow to answer in time."""
            with world.plain() as a:
                for _ in range(4):
                    frame = a.frame()
                    if frame is None or frame.opcode != tw.PING:
                        return False
                    a.send(tw.PONG, frame.payload)
                return True
        eventually(stays, "one who answers and is kept")
    finally:
        world.stack.end()


def test_a_slow_handshake_is_ended(world):
    with Ws(world.bridge(), path="/healthz") as ws:
        assert ws.status == 200
    s = tw.socket.socket(tw.socket.AF_UNIX)
    s.settimeout(DEADLINE_S)
    s.connect(str(world.bridge()))
    s.sendall(b"GET /ws/support-chat HTTP/1.1\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 408 ")
    s.close()


def test_one_who_reads_a_byte_a_second_is_closed_and_slows_nobody(world):
    """Straight at the bridge: between it and a client, nginx and the kernel hold megabytes. That the
    others get every message while that one takes a byte a second is the proof: what waited for it
    would wait for hours. They are read in step, so that none of them is slow itself."""
    text, stop = "y" * 4000, threading.Event()
    got = collections.Counter()
    with Ws(world.bridge()) as slow, Ws(world.bridge()) as talker:
        others = [Ws(world.bridge()) for _ in range(198)]

        def sip():
            while not stop.wait(1):
                slow.data += slow.socket.recv(1)

        def drain():
            selector = selectors.DefaultSelector()
            for ws in others:
                selector.register(ws.socket, selectors.EVENT_READ)
            while not stop.is_set():
                for key, _ in selector.select(0.1):
                    got[key.fileobj] += len(key.fileobj.recv(1 << 20))
        threads = [threading.Thread(target=sip), threading.Thread(target=drain)]
        eventually(lambda: present(world) == 200, "all of them in the chat")
        for thread in threads:
            thread.start()
        said = 0
        try:
            while present(world) != 199:
                assert said < 2000, "the slow one is still there"
                for _ in range(10):
                    talker.say(f"{said} {text}")
                    talker.wait_text(f"Message: {said} {text}")
                    said += 1
                eventually(lambda: min(got[ws.socket] for ws in others) > said * len(text),
                           "all of it at the others")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        # It may take the last word while its time runs; then it is the end of the connection.
        assert slow.wait_close() in (1013, None)
        talker.say("still here")
        talker.wait_text("Message: still here")
        for ws in others:
            ws.hang_up()


# ---- what may die ---------------------------------------------------------------------------------


def test_both_bridges_show_the_same_feed_in_the_same_order(world):
    clients = [Ws(world.bridge(1 + i % 2), protocol=JSON) for i in range(10)]
    for ws in clients:
        history_of(ws)
    start = world.top()

    def talk(ws, name):
        for i in range(100):
            ws.say(f"{name}.{i}", user=name)
    threads = [threading.Thread(target=talk, args=(ws, f"c{i}")) for i, ws in enumerate(clients)]
    for thread in threads:
        thread.start()
    feeds = []
    for ws in clients:
        feeds.append([ws.json("message") for _ in range(1000)])
    for thread in threads:
        thread.join()
    for feed in feeds:
        assert ids(feed) == list(range(start + 1, start + 1001))
        assert feed == feeds[0]
    for i in range(10):
        mine = [m["text"] for m in feeds[0] if m["user"] == f"c{i}"]
        assert mine == [f"c{i}.{k}" for k in range(100)]
    for ws in clients:
        ws.hang_up()


class Listener(threading.Thread):
    """Stays in the chat, comes back with its last id, and keeps what it saw."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.seen, self.last, self.came_back = world, [], None, -1
        self.incomplete, self.stop = 0, threading.Event()
        self.trouble = None

    def take(self, frame):
        messages = frame["messages"] if frame["type"] == "history" else [frame]
        if frame["type"] == "history" and not frame["complete"]:
            self.incomplete += 1
        if self.last is None and frame["type"] == "history":
            self.last = messages[-1]["id"] if messages else self.world.top()
            return
        for message in messages:
            self.seen.append(message["id"])
            self.last = message["id"]

    def run(self):
        while not self.stop.is_set():
            try:
                with self.world.json(after=self.last) as ws:
                    self.came_back += 1
                    while not self.stop.is_set():
                        try:
                            frame = ws.json("message", "update", "history", timeout=0.5)
                        except AssertionError:
                            continue
                        if frame is None:
                            break
                        self.take(frame)
            except (OSError, AssertionError, KeyError) as trouble:
                self.trouble = trouble
                time.sleep(0.1)


def talk_through(world, hurt):
    """Talks on both bridges while something is hurt; everybody must have seen everything once."""
    listeners = [Listener(world) for _ in range(6)]
    for listener in listeners:
        listener.start()
    eventually(lambda: all(one.last is not None for one in listeners), "all listeners")
    first = world.top()
    stop = threading.Event()

    def talk():
        while not stop.is_set():
            try:
                with world.plain() as ws:
                    for i in range(1000):
                        if stop.is_set():
                            break
                        ws.say(f"m{i}")
                        time.sleep(0.01)
            except (OSError, AssertionError):
                time.sleep(0.1)
    talkers = [threading.Thread(target=talk) for _ in range(4)]
    for thread in talkers:
        thread.start()

    def talk_goes_on(more):
        goal = world.store.patiently(world.top) + more
        eventually(lambda: world.store.patiently(world.top) >= goal, "more talk")
    try:
        talk_goes_on(100)
        hurt()
        talk_goes_on(400)
    finally:
        stop.set()
        for thread in talkers:
            thread.join()

    def all_have_all():  # what the talkers said last may still be on its way
        top = world.store.patiently(world.top)
        return all(one.last == top for one in listeners) and top
    try:
        top = eventually(all_have_all, f"everybody to have everything, {listeners[0].trouble}")
    finally:
        for listener in listeners:
            listener.stop.set()
    for listener in listeners:
        listener.join()
        assert listener.seen == list(range(listener.seen[0], listener.last + 1))
        assert listener.last >= top
        assert listener.seen[0] >= first + 1 - 50 and listener.incomplete == 0
    assert top >= first + 500
    return listeners


def test_redis_killed_in_mid_flow(world):
    def hurt():
        world.stack.kill("redis")
        time.sleep(1)
        world.stack.kill("redis")
    listeners = talk_through(world, hurt)
    assert all(one.came_back == 0 for one in listeners)  # clients stay connected


def test_bridges_killed_in_mid_flow(world):
    def hurt():
        for _ in range(3):
            world.stack.kill("ws")
            time.sleep(0.3)
            world.stack.kill("ws-2")
            time.sleep(0.3)
    listeners = talk_through(world, hurt)
    assert any(one.came_back > 0 for one in listeners)


class Sender(threading.Thread):
    """Says numbered messages, several at a time, and each of them until it is accepted."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.world, self.name, self.n = world, name, 0
        self.waiting, self.accepted = {}, {}  # {key: text}, {text: id}
        self.stop = threading.Event()

    def is_done(self):
        return self.stop.is_set() and not self.waiting

    def say(self, ws, key):
        ws.say(self.waiting[key], key=key)

    def say_more(self, ws):
        while len(self.waiting) < 5 and not self.stop.is_set():
            key = uuid.uuid4().hex
            self.waiting[key] = f"{self.name}.{self.n}"
            self.n += 1
            self.say(ws, key)

    def talk(self, ws):
        for key in self.waiting:
            self.say(ws, key)
        while not self.is_done():
            self.say_more(ws)
            answer = ws.json("accepted", "error", timeout=5)
            if answer is None:
                return
            key = answer.get("key")
            if answer["type"] == "accepted":
                self.accepted[self.waiting.pop(key)] = answer["id"]
                time.sleep(0.02)  # all of it must still stand in the log at the end
            elif key:
                time.sleep(0.05)
                self.say(ws, key)

    def run(self):
        while not self.is_done():
            with contextlib.suppress(OSError, AssertionError):
                with self.world.json() as ws:
                    self.talk(ws)
            time.sleep(0.05)


@pytest.mark.parametrize("names, pause", [(["ws", "ws-2"] * 3, 0.2), (["redis"] * 2, 1)])
def test_what_is_said_with_a_key_is_said_once_whatever_dies(world, names, pause):
    first = world.top()
    senders = [Sender(world, f"s{i}") for i in range(8)]
    for sender in senders:
        sender.start()
    for name in names:
        time.sleep(pause)
        world.stack.kill(name)
    goal = sum(len(sender.accepted) for sender in senders) + 101
    eventually(lambda: sum(len(sender.accepted) for sender in senders) >= goal, "more of them")
    for sender in senders:
        sender.stop.set()
    for sender in senders:
        sender.join(DEADLINE_S)
        assert not sender.waiting
    log = world.store.patiently(
        lambda: world.store.redis.xrange("chat:{s00}:log", min=f"{first + 1}-0"))
    said = [(entry["text"], int(id_.split("-")[0])) for id_, entry in log]
    assert len(said) < 10000
    assert sorted(said) == sorted(pair for one in senders for pair in one.accepted.items())
    assert sum(one.n for one in senders) == len(said) > 100


def test_a_subscription_that_is_cut_or_taken_away(world):
    def hurt():
        for _ in range(5):
            world.store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            time.sleep(0.2)
    assert all(one.came_back == 0 for one in talk_through(world, hurt))


def test_a_subscription_that_is_half_open(world):
    """It stays established and says nothing any more: the bridge finds out by itself, subscribes
    anew, and its clients miss nothing and stay."""
    with HalfOpen(world.stack.folder / "redis.sock") as way, \
            world.own_bridge(REDIS=way.path) as path, \
            Ws(path, protocol=JSON) as a, Ws(path) as b, world.plain() as elsewhere:
        history_of(a)
        elsewhere.say("before")
        first = a.wait_json("message", text="before")["id"]
        b.wait_text("Message: before")
        before = way.subscriptions
        way.mute()
        for i in range(60):
            elsewhere.say(f"unheard {i}")
        eventually(lambda: way.subscriptions > before, "another subscription")
        eventually(lambda: is_ready(path), "a bridge that is ready again")
        elsewhere.say("after")
        seen = [a.json("message") for _ in range(61)]
        assert ids(seen) == list(range(first + 1, first + 62))
        assert [m["text"] for m in seen] == [f"unheard {i}" for i in range(60)] + ["after"]
        heard = [line for line in b.wait_text("Message: after") if line.startswith("Message")]
        assert heard == [f"Message: unheard {i}" for i in range(60)]
        b.say("and back")
        assert a.json("message")["text"] == "and back"


def test_redis_frozen_in_mid_flow(world):
    def hurt():
        with world.stack.frozen("redis"):
            time.sleep(3)
    assert all(one.came_back == 0 for one in talk_through(world, hurt))


def test_while_redis_is_away_messages_are_refused_not_lost(world):
    with world.json() as a, world.plain() as b, world.json() as quiet:
        history_of(quiet)
        with world.stack.without("redis"):
            eventually(lambda: not world.is_ready(), "a bridge that is not ready")
            a.say("anybody?")
            error = a.json("error")
            assert error["error"] in ("not_sent", "unknown") and "not" in error["text"]
            b.say("anybody?")
            assert b.wait_close() == 1013
            with world.json() as newcomer:  # may come in, and sees what the bridge remembers
                assert newcomer.json("history")["complete"]
        eventually(lambda: world.is_ready(1) and world.is_ready(2), "the bridges")
        a.say("back")
        a.wait_json("message", text="back")
        quiet.wait_json("message", text="back")


def test_a_killed_bridges_clients_are_forgotten(world):
    clients = [Ws(world.bridge(2)) for _ in range(5)]
    with Ws(world.bridge(1), protocol=JSON) as a:
        a.wait_json("presence", "join", present=6)
        with world.stack.frozen("ws-2"):  # silent, like one that is cut off
            a.wait_json("presence", present=1)
        a.wait_json("presence", present=6)
    for ws in clients:
        ws.hang_up()


def test_a_stopping_bridge_closes_1001_over_its_drain_time():
    world = strict_world(DRAIN_MS=2000, CHAT_ANNOUNCE=0)
    try:
        def closed_evenly():
            """Each with its code. False when they came in few heaps: the bridge's fault, or that of
            a machine that stood still."""
            clients, closed = [world.plain() for _ in range(60)], []

            def wait(ws):
                code = ws.wait_close()
                closed.append((time.monotonic(), code))
            threads = [threading.Thread(target=wait, args=(ws,)) for ws in clients]
            for thread in threads:
                thread.start()
            world.stack.kill("ws", signal.SIGTERM)
            for thread in threads:
                thread.join()
            assert [code for _, code in closed] == [1001] * 60
            eventually(world.is_ready, "the next bridge")
            times = sorted(at for at, _ in closed)
            return 0.5 < times[-1] - times[0] < 2 and \
                max(b - a for a, b in zip(times, times[1:])) < 0.5
        eventually(closed_evenly, "all closed evenly over the drain time")
    finally:
        world.stack.end()

