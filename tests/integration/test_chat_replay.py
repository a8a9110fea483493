"""What a client of the chat is given on coming: the last messages, or those since the one that it names."""
import random
import threading
import time

import pytest

from tiffin_chat import chat_world, history_of, ids, wait_both_have, world  # noqa: F401
from tiffin_stack import eventually


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
