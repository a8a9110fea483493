"""The life of an order from every side: page, history, events, queue, ledger, Redis itself."""
import shapes
from shapes import check_shape
from tiffin_http import versions
from tiffin_stack import eventually
from tiffin_store import GOOD_LIFE, STATUSES

PLACES = ("ready", "active", "delayed", "dead")


def triples(changes):
    return [tuple(change[name] for name in STATUSES) for change in changes]


def test_an_order_is_delivered(http, store):
    id_ = http.place(quantity=2, user_id="123").json["order_id"]
    store.wait_settled([id_])
    order = http.order(id_)
    check_shape(order, shapes.ORDER)
    history = order["history"]
    assert triples(history) == GOOD_LIFE
    assert [change["version"] for change in history] == list(range(1, len(GOOD_LIFE) + 1))
    times = [change["at"] for change in history]
    assert times == sorted(times)
    assert order["created_at"] == times[0] and order["updated_at"] == times[-1]
    assert order["version"] == len(GOOD_LIFE)
    assert triples([order]) == GOOD_LIFE[-1:]
    assert order["amount_cents"] == 2 * 1250


def test_events_and_stream_tell_the_same(http, store):
    id_ = http.place().json["order_id"]
    with http.live(id_) as stream:
        seen = list(stream)
    history = http.order(id_)["history"]
    events = store.events(id_)
    assert [{"version": int(event["version"]), "at": event["at"],
             **{name: event[name] for name in STATUSES}} for event in events] == history
    assert seen[-1].type == "end"
    newest = [change for change in history if change["version"] >= versions(seen)[0]]
    assert [{"version": event.json["version"], "at": event.json["timestamp"],
             **{name: event.json[name] for name in STATUSES}} for event in seen[:-1]] == newest


def test_paid_once_under_a_key_of_its_own(http, store):
    ids = [http.place(item="Samosa", quantity=n).json["order_id"] for n in (1, 2, 3)]
    store.wait_settled(ids)
    keys = {store.order(id_)["payment_key"] for id_ in ids}
    assert len(keys) == 3
    for n, id_ in enumerate(ids, 1):
        assert store.ledger(id_) == {"requests": "1", "captures": "1", "result": "captured",
                                     "amount_cents": str(475 * n), "currency": "USD"}


def test_redis_shows_a_readable_order(http, store):
    id_ = http.place(user_id="123").json["order_id"]
    store.wait_settled([id_])
    order = store.order(id_)
    assert order["id"] == id_ and order["restaurant"] == "The Spicy Spoon"
    assert (order["item"], order["quantity"], order["amount_cents"], order["currency"]) == \
        ("Curry", "1", "1250", "USD")
    assert tuple(order[name] for name in STATUSES) == GOOD_LIFE[-1]
    assert store.history(id_) == GOOD_LIFE
    assert all(name.isidentifier() for name in order)
    key = "order:{s00}:" + id_
    assert store.redis.object("encoding", key) == "listpack"
    assert store.redis.memory_usage(key) < 1300


def test_a_settled_order_is_kept_for_thirty_days(http, store):
    id_ = http.place().json["order_id"]
    store.wait_settled([id_])
    days = store.redis.ttl("order:{s00}:" + id_) / 86400
    assert 29 < days <= 30


def test_an_unsettled_order_waits_in_the_queue(http, store, stack):
    eventually(lambda: http.status()["orders"]["active"] == 0, "the orders of other tests")
    with stack.without("worker"):
        ids = [http.place().json["order_id"] for _ in range(3)]
        assert [id_ for id_ in store.redis.lrange("jobs:{s00}:ready", 0, -1) if id_ in ids] \
            == ids[::-1]
        assert store.redis.ttl("order:{s00}:" + ids[0]) == -1, "what is not settled never expires"
        eventually(lambda: (status := http.status())["jobs"]["ready"] == 3
                   and status["orders"]["active"] == 3, "three that wait in /status")
        store.check_invariant()
        with_etag = http.get("/order/" + ids[0])
        assert with_etag.headers["ETag"] == '"1"'
    store.wait_settled(ids)
    assert http.get("/order/" + ids[0], headers={"If-None-Match": '"1"'}).status == 200
    eventually(lambda: (status := http.status())["orders"]["active"] == 0
               and all(status["jobs"][place] == 0 for place in PLACES), "an empty queue in /status")


def test_many_at_once(http, store):
    ids = [http.place().json["order_id"] for _ in range(40)]
    store.check_invariant()
    orders = store.wait_settled(ids)
    assert {order["status"] for order in orders.values()} == {"delivered"}
    assert all(store.history(id_) == GOOD_LIFE for id_ in ids)
