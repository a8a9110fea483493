"""Random walks: calls in any order, by workers that come and go, against a model that says what each
must answer and where every job must be (functions_model.py). One long walk as the users that the
programs sign in as, and many short ones. The seed is fixed; TIFFIN_WALK_SEED walks elsewhere,
TIFFIN_WALK_STEPS and TIFFIN_WALKS further, TIFFIN_WALK_ONLY walks one short walk again."""
import collections
import os
import random
import socket

import pytest
import redis

import functions_client as fc
import functions_model as fm
import functions_server as fs

DEFAULT = (2024, 1000, 10000)
SEED = int(os.environ.get("TIFFIN_WALK_SEED", DEFAULT[0]))
STEPS = int(os.environ.get("TIFFIN_WALK_STEPS", DEFAULT[1]))
WALKS = int(os.environ.get("TIFFIN_WALKS", DEFAULT[2]))
ONLY = os.environ.get("TIFFIN_WALK_ONLY")
SHORT = 12  # steps of a short walk, after up to 11 on the straight way
BATCH = 100  # short walks under way at once

# What walks must have met. Short ones also all that concerns the dead.
SETTLED = {"settled delivered paid", "settled payment_failed declined",
           "settled cancelled not_charged", "settled cancelled declined",
           "settled cancelled refunded"}
MET = set(fm.MOVES) | SETTLED | {
    "accept_update full", "cancel at payment", "cancel at payment with key",
    "cancel at kitchen with key", "cancel too_late order_placed", "cancel too_late needs_review",
    "intent cancelled", "misfit ok", "misfit declined", "misfit not_charged", "take paused",
    "reap alive", "reap dead", "discard update", "discard to payment",
    "discard to payment with key", "discard to refund with key"} | {
    f"{what} at {step}" for what in ("dead", "requeue") for step in fm.STEPS + ("broadcast",)}


# one long walk


def answer(client, command):
    try:
        return client.execute_command(*command)
    except redis.ResponseError as e:
        return fm.Refused(str(e))


def is_right(reply, expected):
    if isinstance(expected, list) and expected[0] is fm.SOON:
        return 0 <= reply[0] <= fc.HOUR_MS and reply[1:] == expected[1:]
    return reply == expected


def test_one_long_walk_as_the_programs_users(server, admin):
    clients = {user: server.client(user) for user in ("api", "worker", "admin")}
    model = fm.Model(random.Random(SEED))
    for n in range(STEPS):
        for call in (model.go(), model.stats()):
            reply = answer(clients[call.user], call.command)
            assert is_right(reply, call.expected), f"TIFFIN_WALK_SEED={SEED}, step {n}: {call}"
        if n % 250 == 0:
            fc.check_invariant(admin)
    for call in model.everything():
        assert answer(admin, call.command) == call.expected, f"TIFFIN_WALK_SEED={SEED}: {call}"
    if (SEED, STEPS) == DEFAULT[:2]:  # elsewhere it need not have met everything
        assert set(fm.MOVES) <= set(model.met), set(fm.MOVES) - set(model.met)


# many short walks


def encode(command):
    parts = [str(part) for part in command]
    return f"*{len(parts)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in parts)


def lines_of(reply):
    """The reply as the lines of the protocol; None stands for a number of ms."""
    parts = reply if type(reply) is list else (reply,)
    lines = [f"*{len(parts)}"] if parts is reply else []
    for part in parts:
        kind = type(part)
        if kind is str:
            lines += (f"${len(part)}", part)
        elif kind is int:
            lines.append(f":{part}")
        elif kind is fm.Refused:
            lines.append("-" + part.text)
        else:
            lines.append("$-1" if part is None else None)
    return lines


class Pipe:
    """Sends many commands at once and compares the replies line by line. (No part of any of them
    holds a line break.)"""

    def __init__(self, server, user):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(server.socket)
        self.left = ""
        self.send(encode(("AUTH", user, server.password(user))))
        assert self.receive(1) == ["+OK"]

    def send(self, text):
        self.socket.sendall(text.encode())

    def receive(self, n):
        """n lines"""
        chunks = [self.left]
        have = self.left.count("\r\n")
        while have < n:
            chunks.append(self.socket.recv(1 << 20).decode())
            assert chunks[-1], "Redis hung up"
            have = have + chunks[-1].count("\n")
        lines = "".join(chunks).split("\r\n")
        self.left = "\r\n".join(lines[n:])
        return lines[:n]


class Batch:
    """Some walks, one after the other: what is sent, and the lines that must come back."""

    def __init__(self, numbers):
        self.text, self.lines, self.starts, self.met = [], [], [], collections.Counter()
        cache = {}  # the longest command is always the same few: stats
        for n in numbers:
            *calls, model = fm.walk(SEED, n, SHORT)
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
        for i, expected in enumerate(self.lines):
            if expected is None:
                ms = lines[i]
                if ms[:1] == ":" and 0 <= int(ms[1:]) <= fc.HOUR_MS:
                    lines[i] = None
        if lines == self.lines:
            return
        at = next(i for i, (a, b) in enumerate(zip(lines, self.lines)) if a != b)
        last = max(k for k, (start, _, _) in enumerate(self.starts) if start <= at)
        start, n, call = self.starts[last]
        way = [c.command[1:2] + c.command[-3:] for _, m, c in self.starts[:last] if m == n]
        pytest.fail(f"TIFFIN_WALK_SEED={SEED} TIFFIN_WALK_ONLY={n}: {call.move} {call.command}\n"
                    f"expected {call.expected}, came {lines[start:start + 24]}\n"
                    f"after {way[::2]}", pytrace=False)


@pytest.fixture
def fast_server(tmp_path):
    """Our configuration without the file: 10,000 lives are not worth 100,000 fsyncs."""
    server = fs.Server(tmp_path)
    server.start()
    server.load()
    server.client("admin").config_set("appendonly", "no")
    yield server
    server.stop()


def test_many_short_walks(fast_server):
    numbers = [int(ONLY)] if ONLY else range(WALKS)
    pipe, met, under_way = Pipe(fast_server, "admin"), collections.Counter(), None
    for first in [*range(0, len(numbers), BATCH), None]:
        # The next walks are thought up while Redis walks these.
        batch = None
        if first is not None:
            batch = Batch(numbers[first:first + BATCH])
            pipe.send("".join(batch.text))
        if under_way:
            under_way.compare(pipe.receive(len(under_way.lines)))
            met += under_way.met
        under_way = batch
    if (SEED, ONLY) == (DEFAULT[0], None) and WALKS >= DEFAULT[2]:
        assert MET <= set(met), MET - set(met)
        assert min(met[name] for name in MET) >= 10, met
