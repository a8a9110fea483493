"""A WebSocket client of our own, down to the bytes: it can send what no library would, and it shows
every frame as it came. (test_chat.py also speaks through Debian's python3-websockets.)"""
import base64
import collections
import contextlib
import hashlib
import json
import os
import socket
import struct
import time

from tiffin_stack import DEADLINE_S

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
JSON = "tiffin.chat.v1"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Frame = collections.namedtuple("Frame", "opcode payload")


def encode(opcode, payload=b"", fin=True, mask=True, rsv=0, key=None):
    key = key or os.urandom(4)
    n = len(payload)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if n < 126:
        head += bytes([flag | n])
    elif n < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", n)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    long_key = (key * (n // 4 + 1))[:n]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(long_key, "big")).to_bytes(n, "big")
    return head + key + masked


class Ws:
    """One connection; to the stack's nginx, or straight to a bridge's socket."""

    def __init__(self, to, path="/ws/support-chat", protocol=None, headers=(), receive_bytes=None):
        is_path = not isinstance(to, int)
        self.socket = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(str(to) if is_path else ("127.0.0.1", to))
        self.data, self.close_code, self.close_reason, self.is_over = b"", None, None, False
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + key.decode(), *headers]
        if protocol:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        self.send_bytes("\r\n".join([*lines, "", ""]).encode())
        self.status, self.headers, self.body = self._read_answer()
        if self.status == 101:
            expected = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
            assert self.headers["sec-websocket-accept"] == expected

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()

    def hang_up(self):
        self.socket.close()

    # ---- bytes --------------------------------------------------------------------------------

    def send_bytes(self, data):
        self.socket.sendall(data)

    def _more(self, timeout=DEADLINE_S):
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.is_over = not data
        self.data += data

    def _read_answer(self):
        while b"\r\n\r\n" not in self.data:
            self._more()
            assert not self.is_over, self.data
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in
                   (line.split(":", 1) for line in lines)}
        status, body = int(first.split()[1]), None
        if status != 101:
            while len(self.data) < int(headers["content-length"]):
                self._more()
                assert not self.is_over
            body = json.loads(self.data)
        return status, headers, body

    # ---- frames -------------------------------------------------------------------------------

    def send(self, opcode, payload=b"", **how):
        self.send_bytes(encode(opcode, payload, **how))

    def say(self, text, **more):
        """A text message, in the language that was agreed on."""
        if self.headers.get("sec-websocket-protocol") == JSON:
            text = json.dumps({"text": text, **more})
        self.send(TEXT, text.encode())

    def _split(self):
        if len(self.data) < 2:
            return None
        n, at = self.data[1], 2
        assert not n & 0x80, "a server's frame is masked"
        if n >= 126:
            at = 4 if n == 126 else 10
            if len(self.data) < at:
                return None
            n = int.from_bytes(self.data[2:at], "big")
        if len(self.data) < at + n:
            return None
        assert self.data[0] & 0xf0 == 0x80, "in parts, or a reserved bit"
        frame = Frame(self.data[0] & 15, self.data[at:at + n])
        self.data = self.data[at + n:]
        return frame

    def frame(self, timeout=DEADLINE_S):
        """The next frame; None when the connection is over."""
        deadline = time.monotonic() + timeout
        while not (frame := self._split()):
            if self.is_over:
                return None
            try:
                self._more(deadline - time.monotonic())
            except socket.timeout:
                raise AssertionError(f"no frame came within {timeout} s") from None
        if frame.opcode == CLOSE:
            self.close_code = int.from_bytes(frame.payload[:2], "big") or None
            self.close_reason = frame.payload[2:].decode()
            with contextlib.suppress(OSError):  # it may have gone further
                self.send(CLOSE, frame.payload[:2])
        return frame

    def text(self, timeout=DEADLINE_S):
        """The next text; pings are answered. None after a close frame, or at the end."""
        deadline = time.monotonic() + timeout
        while frame := self.frame(deadline - time.monotonic()):
            if frame.opcode == TEXT:
                return frame.payload.decode()
            if frame.opcode == PING:
                self.send(PONG, frame.payload)
            if frame.opcode == CLOSE:
                return None
        return None

    def json(self, *types, timeout=DEADLINE_S):
        """The next object, of one of these types if any are named; None at the end."""
        deadline = time.monotonic() + timeout
        while (text := self.text(deadline - time.monotonic())) is not None:
            found = json.loads(text)
            if not types or found["type"] in types:
                return found
        return None

    def wait_text(self, wanted):
        """Reads on until this text comes. -> those before it"""
        before, deadline = [], time.monotonic() + DEADLINE_S
        while (text := self.text(deadline - time.monotonic())) != wanted:
            assert text is not None, (self.close_code, before)
            before.append(text)
        return before

    def wait_json(self, *types, **fields):
        """Reads on until an object of these types has these fields."""
        deadline = time.monotonic() + DEADLINE_S
        while found := self.json(*types, timeout=deadline - time.monotonic()):
            if all(found.get(name) == value for name, value in fields.items()):
                return found
        raise AssertionError(f"closed {self.close_code} before {fields}")

    def wait_close(self):
        """Reads on until it is closed, and until the end of the connection. -> the code"""
        while self.text() is not None:
            pass
        code = self.close_code
        while self.frame() is not None:
            pass
        return code

    def is_silent(self, seconds=0.3):
        try:
            frame = self.frame(seconds)
        except AssertionError:
            return True
        assert frame is None, frame
        return False
