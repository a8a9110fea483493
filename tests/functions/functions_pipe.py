"""Commands by the thousand: sent as text, and their replies compared as text, line by line."""
import collections
import socket

import pytest

from functions_client import HOUR_MS
from functions_model import walk
from functions_moves import Refused
from functions_server import DEADLINE_S

STEPS = 12  # of a short walk, after up to 12 on a straight way


def encode(command):
    parts = [str(part) for part in command]
    return f"*{len(parts)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in parts)


def lines_of(reply):
    """The reply as the lines of the protocol; None stands for a number of ms."""
    if isinstance(reply, list) and reply and isinstance(reply[0], list):  # an answer per job
        return [f"*{len(reply)}", *(line for part in reply for line in lines_of(part))]
    parts = reply if type(reply) is list else (reply,)
    lines = [f"*{len(parts)}"] if parts is reply else []
    for part in parts:
        kind = type(part)
        if kind is str:
            lines += (f"${len(part)}", part)
        elif kind is int:
            lines.append(f":{part}")
        elif kind is Refused:
            lines.append("-" + part.text)
        else:
            lines.append("$-1" if part is None else None)
    return lines


class Pipe:
    """Sends many commands at once and compares the replies line by line. (No part of any of them
    holds a line break.)"""

    def __init__(self, server, user):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(server.socket)
        self.left = ""
        self.send(encode(("AUTH", user, server.password(user))))
        assert self.receive(1) == ["+OK"]

    def send(self, text):
        self.socket.sendall(text.encode())

    def receive(self, n):
        """-> n lines, fewer and a last one that says so when no more come"""
        chunks = [self.left]
        have = self.left.count("\r\n")
        while have < n:
            try:
                chunks.append(self.socket.recv(1 << 20).decode())
            except TimeoutError:
                return "".join(chunks).split("\r\n")[:-1] + ["(nothing more came)"]
            assert chunks[-1], "Redis hung up"
            have += chunks[-1].count("\n")
        lines = "".join(chunks).split("\r\n")
        self.left = "\r\n".join(lines[n:])
        return lines[:n]

    def receive_until(self, mark):
        """-> all lines up to the one that holds the mark, which is the last"""
        text = [self.left]
        while mark not in text[-1] or not text[-1].endswith("\r\n"):
            text.append(self.socket.recv(1 << 20).decode())
        return "".join(text).split("\r\n")[:-1]


class Batch:
    """Some walks, one after the other: what is sent, and the lines that must come back."""

    def __init__(self, seed, numbers):
        self.seed, self.met = seed, collections.Counter()
        self.text, self.lines, self.starts = [], [], []
        cache = {}  # the longest command is always the same few: stats
        for n in numbers:
            *calls, model = walk(seed, n, STEPS)
            self.met += model.met
            for call in calls:
                self.starts.append((len(self.lines), n, call))
                text = cache.get(call.command)
                if text is None:
                    text = encode(call.command)
                    if call.move == "stats":
                        cache[call.command] = text
                self.text.append(text)
                self.lines += lines_of(call.expected)

    def compare(self, lines):
        for i, (line, expected) in enumerate(zip(lines, self.lines)):
            if expected is None and line[:1] == ":" and 0 <= int(line[1:]) <= HOUR_MS:
                lines[i] = None
        if lines == self.lines:
            return
        at = next(i for i, (a, b) in enumerate(zip(lines, self.lines)) if a != b)
        last = max(k for k, (start, _, _) in enumerate(self.starts) if start <= at)
        start, n, call = self.starts[last]
        way = [c.move for _, m, c in self.starts[:last]
               if m == n and c.move not in ("stats", "look")]
        pytest.fail(f"TIFFIN_WALK_SEED={self.seed} TIFFIN_WALK_ONLY={n}\n"
                    f"{call.move}: {call.command}\nexpected {call.expected}, "
                    f"came {lines[start:start + 24]}\nafter {way}", pytrace=False)
