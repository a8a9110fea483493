"""The support chat through nginx: what everyone gets, and what closes a connection and with which code."""
import asyncio
import collections
import json
import selectors
import threading
import time
import uuid

import pytest
import requests
import websockets

import tiffin_ws as tw
from tiffin_chat import (JOINED, LEFT, PATH, chat_world, fresh_world, history_of, next_message,  # noqa: F401
                         present, strict_world, wait_both_have, world)
from tiffin_stack import DEADLINE_S, eventually
from tiffin_ws import JSON, Ws


# ---- plain text -----------------------------------------------------------------------------------


def test_the_plain_chat_as_the_showcase_speaks_it(fresh_world):
    world = fresh_world
    with world.plain() as a:
        assert a.text() == JOINED
        with world.plain() as b:
            assert b.text() == JOINED and a.text() == JOINED
            b.say("Is it hot?")
            # b's bridge may have been late to hear that a came.
            assert a.text() == next_message(b) == "Message: Is it hot?"
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
