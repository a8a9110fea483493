"""RFC 6455 against the chat itself, in the order of the cases that conformance suites try: framing,
control frames, reserved bits and opcodes, fragments, UTF-8, closing, limits; and what the handshake
agrees on (its grammar: tests/unit/ws-bridge/test_handshake.c). All rules of the chat's
own are opened by their settings, so that what remains is the protocol; a message that is taken comes
back as `Message: <text>`, and what breaks a rule is a close code."""
import uuid

import pytest

import tiffin_ws as tw
from tiffin_chat import strict_world
from tiffin_stack import DEADLINE_S
from tiffin_ws import Frame, Ws, encode

TEXT, CONTINUATION = tw.TEXT, 0
LONGEST = 16777216
WHOLE, BYTES = 0, 1  # how the bytes are cut


@pytest.fixture(scope="module")
def bridge():
    world = strict_world(CHAT_RATE=0, CHAT_ANNOUNCE=0, CHAT_MAX_BYTES=LONGEST, CHAT_ORIGINS="*",
                         CHAT_QUEUE_BYTES=1073741824, REDIS_TIMEOUT_MS=60000)
    try:
        yield world.bridge()
    finally:
        world.stack.end()


@pytest.fixture
def ws(bridge):
    """A client that has heard all that was said before: the chat is one room for all tests."""
    with Ws(bridge) as client:
        mark = uuid.uuid4().hex
        client.say(mark)
        client.wait_text("Message: " + mark)
        yield client


def send(ws, frames, cut=WHOLE):
    data = b"".join(frames)
    step = cut or len(data)
    for at in range(0, len(data), step):
        ws.send_bytes(data[at:at + step])


def echo(ws):
    text = ws.text(timeout=DEADLINE_S)
    assert text is not None and text.startswith("Message: "), (ws.close_code, ws.close_reason)
    return text.removeprefix("Message: ")


def still_works(ws):
    ws.say("still here")
    assert echo(ws) == "still here"


# ---- what the handshake agrees on -----------------------------------------------------------------


@pytest.mark.parametrize("offer", ["permessage-deflate; client_max_window_bits",
                                   "permessage-deflate, x-webkit-deflate-frame", "nonsense; a=1"])
def test_extensions_are_declined_and_so_are_their_bits(bridge, offer):
    with Ws(bridge, headers=["Sec-WebSocket-Extensions: " + offer]) as ws:
        assert ws.status == 101 and "sec-websocket-extensions" not in ws.headers
        still_works(ws)
        ws.send(TEXT, b"\xcaH\xcd\xc9\xc9\x07\x00", rsv=4)  # as permessage-deflate would say "Hello"
        assert ws.wait_close() == 1002


@pytest.mark.parametrize("offers, chosen", [
    ([], None), (["chat"], None), (["TIFFIN.CHAT.V1"], None), (["tiffin.chat.v10"], None),
    (["tiffin.chat.v1"], tw.JSON), (["chat, tiffin.chat.v1"], tw.JSON),
    (["chat", "superchat,tiffin.chat.v1 ,x"], tw.JSON)])
def test_the_subprotocol_is_one_that_was_offered(bridge, offers, chosen):
    with Ws(bridge, headers=["Sec-WebSocket-Protocol: " + offer for offer in offers]) as ws:
        assert ws.status == 101 and ws.headers.get("sec-websocket-protocol") == chosen


# ---- 1, 9: framing and sizes ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 4096, 65535, 65536, 65537, 1 << 20])
def test_text_of_every_form_of_length(ws, size):
    text = "*" * size
    ws.say(text)
    assert echo(ws) == text
    send(ws, [encode(TEXT, text.encode())], cut=997 if size > 4096 else BYTES)
    assert echo(ws) == text


def test_the_longest_text_and_one_byte_more(ws):
    text = "*" * LONGEST
    ws.say(text)
    assert echo(ws) == text
    ws.send_bytes(encode(TEXT, b"*" * (LONGEST + 1))[:15])  # its first byte is enough
    assert ws.wait_close() == 1009


@pytest.mark.parametrize("piece, size", [(64, 1 << 18), (1300, 65536), (65536, 4 << 20),
                                         (1 << 20, 4 << 20)])
def test_a_long_text_in_fragments(ws, piece, size):
    text = "caf\u00e9 " * (size // 6)
    data = text.encode()
    parts = [data[i:i + piece] for i in range(0, len(data), piece)]
    for i, part in enumerate(parts):
        ws.send(CONTINUATION if i else TEXT, part, fin=i == len(parts) - 1)
    assert echo(ws) == text


@pytest.mark.parametrize("head", [
    b"\x81\xfe\x00\x7d", b"\x81\xff" + (65535).to_bytes(8, "big"),  # a shorter form would do
    b"\x81\xfe\x00\x00", b"\x81\xff" + bytes(8), b"\x81\xff" + (125).to_bytes(8, "big"),
    b"\x81\xff\x80" + bytes(7), b"\x81\xff" + b"\xff" * 8,  # the first bit must be 0
    b"\x88\xfe\x00\x7e", b"\x88\xfe\x00\x02", b"\x89\xff" + (1).to_bytes(8, "big")])
def test_a_length_that_is_not_minimal_or_not_possible(ws, head):
    ws.send_bytes(head + bytes(4) + b"x" * 200)
    assert ws.wait_close() == 1002


def test_the_greatest_length_is_refused_with_the_first_byte(bridge):
    head = b"\xff\x7f" + b"\xff" * 7 + bytes(4) + b"x"
    for before, first in ((b"", 0x81), (b"", 0x01), (encode(TEXT, b"x" * 9, fin=False), 0x80)):
        with Ws(bridge) as ws:
            ws.send_bytes(before + bytes([first]) + head)
            assert ws.wait_close() == 1009


@pytest.mark.parametrize("opcode", [TEXT, tw.PING, tw.CLOSE])
@pytest.mark.parametrize("payload", [b"", b"\x03\xe8"])
def test_a_frame_without_a_mask(ws, opcode, payload):
    ws.send(opcode, payload, mask=False)
    assert ws.wait_close() == 1002


def test_a_fragment_without_a_mask(ws):
    send(ws, [encode(TEXT, b"masked", fin=False), encode(CONTINUATION, b" and not", mask=False)])
    assert ws.wait_close() == 1002


@pytest.mark.parametrize("key", [bytes(4), b"\xff" * 4, b"\x01\x02\x03\x04", b"\x80\0\0\0"])
def test_the_mask_goes_on_wherever_a_frame_is_cut(ws, key):
    text = "".join(chr(0x41 + i % 26) for i in range(33))
    for cut in (1, 2, 3, 5, 7):
        send(ws, [encode(TEXT, text[:cut].encode(), fin=False, key=key),
                  encode(CONTINUATION, text[cut:].encode(), key=key)], cut)
        assert echo(ws) == text


def test_binary_is_not_spoken(ws):
    ws.send(tw.BINARY, b"\x00\xff")
    assert ws.wait_close() == 1003


# ---- 2: pings and pongs ---------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125])
@pytest.mark.parametrize("cut", [WHOLE, BYTES])
def test_a_ping_is_answered_with_its_bytes(ws, payload, cut):
    send(ws, [encode(tw.PING, payload)], cut)
    assert ws.frame() == Frame(tw.PONG, payload)
    still_works(ws)


@pytest.mark.parametrize("cut", [WHOLE, BYTES])
def test_ten_pings_ten_pongs_in_order(ws, cut):
    send(ws, [encode(tw.PING, b"%d" % i) for i in range(10)], cut)
    assert [ws.frame() for _ in range(10)] == [Frame(tw.PONG, b"%d" % i) for i in range(10)]


def test_a_pong_that_nobody_asked_for(ws):
    send(ws, [encode(tw.PONG, b"unasked"), encode(tw.PONG), encode(tw.PING, b"?")])
    assert ws.frame() == Frame(tw.PONG, b"?")
    still_works(ws)


@pytest.mark.parametrize("opcode", [tw.PING, tw.PONG, tw.CLOSE])
def test_control_frames_are_short_and_whole(bridge, opcode):
    for bad in (encode(opcode, b"\x03\xe8" + b"x" * 124), encode(opcode, b"\x03\xe8", fin=False)):
        with Ws(bridge) as ws:
            ws.send_bytes(bad)
            assert ws.wait_close() == 1002


# ---- 3, 4: reserved bits and opcodes --------------------------------------------------------------


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, tw.PING, tw.CLOSE])
def test_reserved_bits(ws, rsv, opcode):
    still_works(ws)
    send(ws, [encode(opcode, b"", rsv=rsv), encode(tw.PING)])
    assert ws.wait_close() == 1002


@pytest.mark.parametrize("rsv", [1, 2, 4])
@pytest.mark.parametrize("opcode", [CONTINUATION, tw.PING])
def test_reserved_bits_between_fragments(ws, rsv, opcode):
    send(ws, [encode(TEXT, b"x", fin=False), encode(opcode, b"y", rsv=rsv)])
    assert ws.wait_close() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"])
def test_reserved_opcodes(ws, opcode, payload):
    still_works(ws)
    send(ws, [encode(opcode, payload), encode(tw.PING)])
    assert ws.wait_close() == 1002


# ---- 5: fragments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [WHOLE, BYTES])
def test_fragments_with_control_frames_between(ws, cut):
    send(ws, [encode(TEXT, b"one ", fin=False), encode(tw.PING, b"a"),
              encode(CONTINUATION, b"", fin=False), encode(CONTINUATION, b"two ", fin=False),
              encode(tw.PONG), encode(tw.PING, b"b"), encode(CONTINUATION, b"three")], cut)
    assert [ws.frame(), ws.frame()] == [Frame(tw.PONG, b"a"), Frame(tw.PONG, b"b")]
    assert echo(ws) == "one two three"


def test_fragments_that_are_all_empty(ws):
    send(ws, [encode(TEXT, fin=False), encode(CONTINUATION, fin=False), encode(CONTINUATION)])
    assert echo(ws) == ""
    send(ws, [encode(TEXT, fin=False), encode(CONTINUATION, b"x", fin=False), encode(CONTINUATION)])
    assert echo(ws) == "x"


@pytest.mark.parametrize("frames", [
    [encode(CONTINUATION, b"x")], [encode(CONTINUATION, b"x", fin=False)],
    [encode(TEXT, b"x", fin=False), encode(TEXT, b"y")],
    [encode(TEXT, b"x", fin=False), encode(tw.BINARY, b"y")],
    [encode(TEXT, b"x", fin=False), encode(CONTINUATION, b"y"), encode(CONTINUATION, b"z")],
    [encode(TEXT, b"x"), encode(CONTINUATION, b"y")],
])
def test_fragments_out_of_place(ws, frames):
    send(ws, frames)
    assert ws.wait_close() == 1002


# ---- 6: UTF-8 -------------------------------------------------------------------------------------

GOOD = ["", "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!", "\u03ba\u1f79\u03c3\u03bc\u03b5",
        "\0", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufdd0", "\ufeff", "\ufffd",
        "\ufffe", "\uffff", "\U00010000", "\U0001f35b", "\U0010ffff"]
CONTROLS = ["\0", "\x7f", "\u0080"]
BAD = {
    "a lone continuation": "80", "two of them": "80bf", "continuation after a character": "4180",
    "a start without the rest": "c320", "three bytes cut": "e28220", "four bytes cut": "f0908020",
    "overlong slash, 2": "c0af", "overlong slash, 3": "e080af", "overlong slash, 4": "f08080af",
    "overlong NUL": "c080", "the longest overlong, 2": "c1bf", "overlong, 3": "e09fbf",
    "overlong, 4": "f08fbfbf", "the first surrogate": "eda080", "the last surrogate": "edbfbf",
    "a surrogate pair": "eda080edb080", "above the last": "f4908080", "five bytes": "f888808080",
    "six bytes": "fc8480808080", "fe": "fe", "ff": "ff",
    "within good text": "cebae1bdb9cf83cebcceb5eda080656469746564",
}


@pytest.mark.parametrize("text", GOOD)
def test_good_text_however_it_is_cut(ws, text):
    data = text.encode()
    said = " " if text in CONTROLS else text  # good UTF-8, but none of it reaches a terminal
    send(ws, [encode(TEXT, data)], BYTES)
    assert echo(ws) == said
    for cut in range(len(data) + 1):  # two fragments, the border within a character too
        send(ws, [encode(TEXT, data[:cut], fin=False), encode(CONTINUATION, data[cut:])])
        assert echo(ws) == said


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("cut", [WHOLE, BYTES])
def test_bad_text(ws, name, cut):
    send(ws, [encode(TEXT, bytes.fromhex(BAD[name]))], cut)
    assert ws.wait_close() == 1007


@pytest.mark.parametrize("start", ["c3", "e282", "f09f8d"])
def test_text_that_ends_within_a_character(bridge, start):
    data = bytes.fromhex(start)
    for frames in ([encode(TEXT, data)],
                   [encode(TEXT, data, fin=False), encode(CONTINUATION)],
                   [encode(TEXT, b"x", fin=False), encode(CONTINUATION, data)]):
        with Ws(bridge) as ws:
            send(ws, frames)
            assert ws.wait_close() == 1007


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_text_is_told_before_its_message_ends(bridge, bad):
    """With the first byte that nothing can mend: neither the frame nor the message has ended."""
    good = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
    with Ws(bridge) as ws:  # by fragments
        send(ws, [encode(TEXT, good, fin=False),
                  encode(CONTINUATION, bytes.fromhex(bad), fin=False)])
        assert ws.wait_close() == 1007
    with Ws(bridge) as ws:  # within a frame
        n = len(good) + len(bytes.fromhex(bad))
        ws.send_bytes(encode(TEXT, good + bytes.fromhex(bad) + b"x" * 100)[:6 + n])
        assert ws.wait_close() == 1007


def test_a_character_that_may_still_end_is_waited_for(ws):
    send(ws, [encode(TEXT, b"\xf0\x9f", fin=False), encode(tw.PING, b"?")])
    assert ws.frame() == Frame(tw.PONG, b"?")
    ws.send(CONTINUATION, b"\x8d\x9b")
    assert echo(ws) == "\U0001f35b"


# ---- 7: closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                                  1014, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_code(ws, code):
    ws.send(tw.CLOSE, code.to_bytes(2, "big") + b"bye")
    assert ws.wait_close() == code


@pytest.mark.parametrize("reason", ["", "x" * 123, "caf\u00e9"])
def test_reasons(ws, reason):
    ws.send(tw.CLOSE, b"\x03\xe8" + reason.encode())
    assert ws.wait_close() == 1000


def test_a_close_without_a_code_is_answered_without_one(ws):
    ws.send(tw.CLOSE)
    assert ws.frame() == Frame(tw.CLOSE, b"")
    assert ws.frame() is None


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
                                  65535])
def test_codes_that_may_not_be_sent(ws, code):
    ws.send(tw.CLOSE, code.to_bytes(2, "big"))
    assert ws.wait_close() == 1002


def test_half_a_code(ws):
    ws.send(tw.CLOSE, b"\x03")
    assert ws.wait_close() == 1002


@pytest.mark.parametrize("bad", [*BAD.values(), "cebaff", "c3", "78" * 121 + "e282"],
                         ids=[*BAD, "at its end", "cut", "cut at the longest"])
def test_a_reason_that_is_no_text(ws, bad):
    ws.send(tw.CLOSE, b"\x03\xe8" + bytes.fromhex(bad))
    assert ws.wait_close() == 1007


@pytest.mark.parametrize("late", [encode(TEXT, b"late"), encode(tw.PING, b"late"),
                                  encode(tw.CLOSE, b"\x0f\xa0"), b"\xff\xff\xff\xff"],
                         ids=["text", "ping", "close", "no frame"])
def test_what_follows_a_close_is_not_read(ws, late):
    send(ws, [encode(TEXT, b"before"), encode(tw.CLOSE, b"\x03\xe8"), late])
    frames = []
    while frame := ws.frame():
        frames.append(frame)
    assert frames[-1] == Frame(tw.CLOSE, b"\x03\xe8")
    assert all(frame.opcode == TEXT for frame in frames[:-1])


def test_a_close_within_fragments(ws):
    send(ws, [encode(TEXT, b"not ended", fin=False), encode(tw.CLOSE, b"\x03\xe8"),
              encode(CONTINUATION, b" nor will it")])
    assert ws.wait_close() == 1000


def test_all_of_it_byte_by_byte(ws):
    send(ws, [encode(TEXT, b"two ", fin=False), encode(tw.PING, b"?"),
              encode(CONTINUATION, "p\u00e4rts".encode()), encode(TEXT, b"x" * 130),
              encode(tw.PING), encode(tw.CLOSE, b"\x0f\xa0bye")], BYTES)
    frames = []
    while frame := ws.frame():
        frames.append(frame)
    assert [f for f in frames if f.opcode == tw.PONG] == [Frame(tw.PONG, b"?"), Frame(tw.PONG, b"")]
    assert frames[-1] == Frame(tw.CLOSE, b"\x0f\xa0")
