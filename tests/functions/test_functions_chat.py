"""The chat: what is said is stored, numbered and published as one fact; who is there is forgotten
when its bridge is killed."""
import json
import time

import pytest
import redis

from functions_client import (CHAT_CHANNEL, CHAT_KEYS, CHAT_LOG, COUNT, FAR_AWAY_MS, PRESENT,
                              Worker, new_id, snapshot)
from functions_server import DEADLINE_S


@pytest.fixture
def channel(server):
    """A subscription to the chat; next() gives what was published, as Python sees it."""
    pubsub = server.client("ws").pubsub()
    pubsub.subscribe(CHAT_CHANNEL)
    assert pubsub.get_message(timeout=DEADLINE_S)["type"] == "subscribe"

    def hear():
        message = pubsub.get_message(timeout=DEADLINE_S)
        return message and json.loads(message["data"])
    yield hear
    pubsub.close()


def test_chat_post_stores_numbers_and_publishes(ws, admin, channel):
    assert ws.chat_post("Hello") == ["posted", 1]
    assert ws.chat_post("Is it hot?", "Maya", "#ff8800") == ["posted", 2]
    log = admin.xrange(CHAT_LOG)
    assert [id_ for id_, _ in log] == ["1-0", "2-0"]
    assert [{**entry, "at": ""} for _, entry in log] == [
        {"type": "message", "text": "Hello", "at": ""},
        {"type": "message", "user": "Maya", "color": "#ff8800", "text": "Is it hot?", "at": ""}]
    for id_, entry in log:
        assert channel() == {"id": int(id_.split("-")[0]), **entry}
    assert admin.hget(COUNT, "chat_messages") == "2"


def test_messages_and_updates_share_one_row_of_numbers(ws, api, worker, channel):
    update = new_id("update")
    api.accept_update(update, "We open at noon")
    w = Worker(worker)
    ws.chat_post("one")
    assert worker.publish_update("w1", update, w.claim(update)) == ["published", 2]
    assert ws.chat_post("three") == ["posted", 3]
    assert [(said["id"], said["type"]) for said in (channel(), channel(), channel())] == [
        (1, "message"), (2, "update"), (3, "message")]


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "caf\u00e9 \U0001f35b", '"\\/\b\f\n\r\t', "x" * 70000,
                                  "{}", "%s%n", "\x7f\u2028"])
def test_any_text_arrives_as_it_was(ws, admin, channel, text):
    assert ws.chat_post(text)[0] == "posted"
    assert channel()["text"] == text
    assert admin.xrange(CHAT_LOG)[0][1]["text"] == text


def test_late_posts_store_nothing(ws, admin):
    before = snapshot(admin)
    assert ws.chat_post("Hello", deadline=1) == ["late"]
    assert snapshot(admin) == before


def test_a_key_is_one_message_however_often_it_is_said(ws, admin, channel):
    assert ws.chat_post("Hello", key="a" * 16) == ["posted", 1]
    assert ws.chat_post("Hello", key="b" * 16) == ["posted", 2]
    assert ws.chat_post("Hello") == ["posted", 3]
    before = snapshot(admin)
    assert ws.chat_post("Hello", key="a" * 16) == ["repeated", 1]
    assert ws.chat_post("Hello", key="b" * 16, deadline=1) == ["repeated", 2]  # it did not come late
    assert ws.chat_post("Hello", key="c" * 16, deadline=1) == ["late"]
    assert snapshot(admin) == before
    assert ws.chat_post("Hello", key="c" * 16) == ["posted", 4]
    assert [channel()["id"] for _ in range(4)] == [1, 2, 3, 4]
    assert "key" not in admin.xrange(CHAT_LOG)[0][1]  # nobody else's business


def test_keys_are_remembered_as_long_as_their_messages(ws, admin):
    """So at most as many as the log keeps; the log itself may be cut a little later."""
    for i in range(300):
        ws.chat_post(str(i), kept=100, key=f"key-of-message-{i}")
    assert admin.zcard(CHAT_KEYS) == 100
    assert ws.chat_post("200", kept=100, key="key-of-message-200") == ["repeated", 201]
    assert ws.chat_post("199", kept=100, key="key-of-message-199") == ["posted", 301]


def test_a_bridge_of_the_release_before_posts_without_keys(ws):
    """A rolling upgrade: it names two keys, and knows of no more arguments."""
    assert ws.fcall("chat_post", [COUNT, CHAT_LOG], CHAT_CHANNEL, 100, FAR_AWAY_MS,
                    "Hello", "", "") == ["posted", 1]


def test_the_log_is_capped(ws, admin):
    for i in range(400):
        ws.chat_post(str(i), kept=100)
    assert 100 <= admin.xlen(CHAT_LOG) <= 300
    assert admin.xrevrange(CHAT_LOG, count=1)[0][0] == "400-0"


def test_a_full_redis_refuses_talk_but_not_beats(ws, admin):
    limit = admin.config_get("maxmemory")["maxmemory"]
    try:
        admin.config_set("maxmemory", "1mb")
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            ws.chat_post("Hello")
        assert ws.chat_beat("b1") == ["here", 1, 0]
    finally:
        admin.config_set("maxmemory", limit)
    assert admin.xlen(CHAT_LOG) == 0


def test_beats_sum_up_and_come_back(ws, channel):
    ws.chat_post("Hello")
    channel()
    assert ws.chat_beat("b1", 3, beat=7) == ["here", 3, 1]
    assert channel() == {"type": "beat", "bridge": "b1", "beat": 7, "present": 3}
    assert ws.chat_beat("b2", 4) == ["here", 7, 1]
    assert ws.chat_beat("b1", 1, beat=8) == ["here", 5, 1]
    assert [channel()["present"], channel()["present"]] == [7, 5]


def test_a_bridge_that_leaves_is_gone_at_once(ws, admin):
    ws.chat_beat("b1", 3)
    ws.chat_beat("b2", 4)
    assert ws.chat_beat("b1", 3, ttl=0) == ["here", 4, 0]
    assert admin.zrange(PRESENT, 0, -1) == ["b2=4"]


def test_a_killed_bridge_is_forgotten(ws, admin):
    ws.chat_beat("b1", 3)
    assert ws.chat_beat("b2", 4) == ["here", 7, 0]
    ws.chat_beat("b1", 3, ttl=20)
    ws.chat_beat("b2", 4)  # so that the set itself stays
    time.sleep(0.05)
    assert ws.chat_beat("b2", 4) == ["here", 4, 0]
    ws.chat_beat("b2", 4, ttl=20)
    time.sleep(0.05)
    assert not admin.exists(PRESENT)


def test_names_with_an_equals_sign_are_told_apart(ws):
    ws.chat_beat("b=1", 3)
    assert ws.chat_beat("b", 4) == ["here", 7, 0]
    assert ws.chat_beat("b=1", 5) == ["here", 9, 0]
