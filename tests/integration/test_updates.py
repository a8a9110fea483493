"""POST /new-update-and-broadcast: accepted at once, on the chat feed a little later, whatever dies."""
import json
import uuid

import pytest

import shapes
from shapes import check_json, check_problem
from tiffin_stack import DEADLINE_S, eventually
from tiffin_store import CHAT_CHANNEL, CHAT_LOG

PATH = "/new-update-and-broadcast"
ACCEPTED = {"message": "Update accepted", "update_id": shapes.UPDATE_ID}


@pytest.fixture
def feed(store):
    """What is said on the chat's channel from now on."""
    with store.redis.pubsub() as pubsub:
        pubsub.subscribe(CHAT_CHANNEL)
        assert pubsub.get_message(timeout=DEADLINE_S)["type"] == "subscribe"

        def heard():
            while True:  # a bridge's beats pass by
                message = pubsub.get_message(timeout=DEADLINE_S)
                assert message and message["channel"] == CHAT_CHANNEL, message
                said = json.loads(message["data"])
                if said["type"] != "beat":
                    return said
        yield heard


def log_of(store):
    return [(id_, fields["text"]) for id_, fields in store.redis.xrange(CHAT_LOG)]


def test_an_update_is_broadcast(http, store, feed):
    texts = {way: f"Rain tonight, says the {way}" for way in ("query", "form", "data")}
    for way, text in texts.items():
        check_json(http.post(PATH, **{way: {"message": text}}), 202, ACCEPTED)
    said = [feed() for _ in texts]
    assert {message["text"] for message in said} == set(texts.values())
    for message, (id_, fields) in zip(said, store.redis.xrange(CHAT_LOG)[-len(said):]):
        shapes.check_shape(message, {"id": int, "at": shapes.TIME, "type": "update"})
        assert id_ == f"{message['id']}-0"
        assert {name: fields[name] for name in ("type", "text", "at")} == \
            {name: message[name] for name in ("type", "text", "at")}


def test_numbers_are_consecutive_and_nothing_is_said_twice(http, store, feed):
    texts = {f"Update {i}" for i in range(20)}
    for text in texts:
        assert http.post(PATH, data={"message": text}).status == 202
    said = [feed() for _ in texts]
    assert {message["text"] for message in said} == texts
    numbers = [message["id"] for message in said]
    assert numbers == list(range(numbers[0], numbers[0] + len(texts)))
    assert log_of(store)[-len(texts):] == [(f"{m['id']}-0", m["text"]) for m in said]


def test_good_messages(http, feed):
    messages = ["x", "y" * 500, "ü" * 500, "\U0001f35b" * 500, "<b>&amp;\"'\\", " ", "%s%n%d",
                "日本語 مرحبا"]
    for message in messages:
        assert http.post(PATH, data={"message": message}).status == 202, message
    assert {feed()["text"] for _ in messages} == set(messages)


@pytest.mark.parametrize("message", ["", "x" * 501, "\U0001f35b" * 501, "a\nb", "a\tb", "a\0b",
                                     "\x7f", "\x1b[31m", "\u0085"])
@pytest.mark.parametrize("way", ["query", "form", "data"])
def test_bad_messages(http, store, way, message):
    before = store.count("updates_accepted")
    check_problem(http.post(PATH, **{way: {"message": message}}), 422)
    assert store.count("updates_accepted") == before


def test_no_message(http):
    check_problem(http.post(PATH), 422)
    check_problem(http.post(PATH, data={}), 422)
    check_problem(http.post(PATH, query={"message": "a"}, data={"message": "a"}), 422)
    check_problem(http.post(PATH, data={"message": 1.5}), 422)
    check_problem(http.post(PATH, body="{", headers={"Content-Type": "application/json"}), 400)
    check_problem(http.post(PATH, body="x", headers={"Content-Type": "text/plain"}), 415)


def test_a_key_makes_it_one(http, store, feed):
    key, before = {"Idempotency-Key": uuid.uuid4().hex}, store.count("updates_accepted")
    answers = [http.post(PATH, data={"message": "Once"}, headers=key) for _ in range(3)]
    assert [answer.status for answer in answers] == [202] * 3
    assert len({answer.json["update_id"] for answer in answers}) == 1
    assert [answer.headers["Idempotency-Replayed"] for answer in answers] == [None, "true", "true"]
    assert store.count("updates_accepted") == before + 1
    assert feed()["text"] == "Once"
    again = http.post(PATH, data={"message": "Once"}, headers=key)
    assert again.json["update_id"] == answers[0].json["update_id"]
    check_problem(http.post(PATH, data={"message": "Twice"}, headers=key), 422)
    assert store.count("updates_accepted") == before + 1


def test_it_waits_for_a_worker(http, store, stack, feed):
    with stack.without("worker"):
        assert http.post(PATH, data={"message": "Patience"}).status == 202
    assert feed()["text"] == "Patience"
    eventually(lambda: store.count("updates_accepted") == store.count("updates_published"))


def test_it_survives_killed_workers(http, store, stack, feed):
    texts = {f"Still here {i}" for i in range(10)}
    for text in texts:
        assert http.post(PATH, data={"message": text}).status == 202
    stack.kill("worker")
    said = [feed()["text"] for _ in texts]
    assert set(said) == texts, "each one, once"


def test_a_thousand_may_wait(http, store, stack):
    """The limit is tested on the counters: a thousand real ones would only take time."""
    waiting = 1000 - (store.count("updates_accepted") - store.count("updates_published"))
    store.redis.hincrby("count:{s00}", "updates_accepted", waiting)
    try:
        problem = check_problem(http.post(PATH, data={"message": "One too many"}), 429)
        assert "waiting" in problem["error"]
    finally:
        store.redis.hincrby("count:{s00}", "updates_accepted", -waiting)
    assert http.post(PATH, data={"message": "Now there is room"}).status == 202
    eventually(lambda: store.count("updates_accepted") == store.count("updates_published"))
