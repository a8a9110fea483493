"""Random walks: calls in any order, by workers that come and go, against a model that says what
each must answer and where every job must be (functions_model.py). One long walk as the users that
the programs sign in as, and many short ones. The seed is fixed; TIFFIN_WALK_SEED walks elsewhere,
TIFFIN_WALK_STEPS and TIFFIN_WALKS further, TIFFIN_WALK_ONLY walks one short walk again."""
import collections
import os
import random

import pytest
import redis

from functions_client import HOUR_MS, check_invariant
from functions_model import MOVES, Model
from functions_moves import SOON, Refused
from functions_pipe import Batch, Pipe
from functions_server import Server
from functions_state import JOB_STEPS

DEFAULT = (2024, 1000, 10000)
SEED = int(os.environ.get("TIFFIN_WALK_SEED", DEFAULT[0]))
STEPS = int(os.environ.get("TIFFIN_WALK_STEPS", DEFAULT[1]))
WALKS = int(os.environ.get("TIFFIN_WALKS", DEFAULT[2]))
ONLY = os.environ.get("TIFFIN_WALK_ONLY")
BATCH = 100  # short walks under way at once

# What walks must have met: the long one each move, the short ones together all of this.
SETTLED = {"settled delivered paid", "settled payment_failed declined",
           "settled cancelled not_charged", "settled cancelled declined",
           "settled cancelled refunded"}
MET = set(MOVES) | SETTLED | {
    "accept_update full", "cancel at payment", "cancel at payment with key",
    "cancel at kitchen with key", "cancel too_late order_placed", "cancel too_late needs_review",
    "intent cancelled", "misfit ok", "misfit declined", "misfit not_charged", "take paused",
    "reap alive", "reap dead", "discard update", "discard to payment",
    "settle refunded", "settle not_charged", "settle misfit",
    "discard to payment with key", "discard to refund with key"} | {
    f"{what} at {step}" for what in ("dead", "requeue") for step in JOB_STEPS + ("broadcast",)}


# one long walk


def answer(client, command):
    try:
        return client.execute_command(*command)
    except redis.ResponseError as e:
        return Refused(str(e))


def is_right(reply, expected):
    if isinstance(expected, list) and expected[0] is SOON:
        return 0 <= reply[0] <= HOUR_MS and reply[1:] == expected[1:]
    return reply == expected


def test_one_long_walk_as_the_programs_users(server, admin):
    clients = {user: server.client(user) for user in ("api", "worker", "admin")}
    model = Model(random.Random(SEED))
    for n in range(STEPS):
        for call in (model.go(), model.stats()):
            reply = answer(clients[call.user], call.command)
            assert is_right(reply, call.expected), f"TIFFIN_WALK_SEED={SEED}, step {n}: {call}"
        if n % 250 == 0:
            check_invariant(admin)
    for call in model.everything():
        assert answer(admin, call.command) == call.expected, f"TIFFIN_WALK_SEED={SEED}: {call}"
    if (SEED, STEPS) == DEFAULT[:2]:  # elsewhere it need not have met everything
        assert set(MOVES) <= set(model.met), set(MOVES) - set(model.met)


# many short walks


@pytest.fixture
def fast_server(tmp_path):
    """Our configuration without the file: 10,000 lives are not worth 100,000 fsyncs."""
    server = Server(tmp_path)
    server.start()
    server.load()
    server.client("admin").config_set("appendonly", "no")
    yield server
    server.stop()


@pytest.mark.slow
def test_many_short_walks(fast_server):
    numbers = [int(ONLY)] if ONLY else range(WALKS)
    pipe, met, under_way = Pipe(fast_server, "admin"), collections.Counter(), None
    for first in [*range(0, len(numbers), BATCH), None]:
        # The next walks are thought up while Redis walks these.
        batch = None
        if first is not None:
            batch = Batch(SEED, numbers[first:first + BATCH])
            pipe.send("".join(batch.text))
        if under_way:
            under_way.compare(pipe.receive(len(under_way.lines)))
            met += under_way.met
        under_way = batch
    if (SEED, ONLY) == (DEFAULT[0], None) and WALKS >= DEFAULT[2]:
        assert MET <= set(met), MET - set(met)
        assert min(met[name] for name in MET) >= 10, met
