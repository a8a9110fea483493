"""Looking into a stack's Redis as admin: orders, queue, ledger, and what must always be true."""
import json
import time

import redis

from tiffin_stack import DEADLINE_S, eventually

READY = "jobs:{s00}:ready"
DELAYED = "jobs:{s00}:delayed"
PAUSED = "jobs:{s00}:paused"
WORKERS = "workers:{s00}"
COUNT = "count:{s00}"
EVENTS = "events:{s00}"
CHAT_LOG = "chat:{s00}:log"
CHAT_CHANNEL = "chat:{s00}"
STATUSES = ("status", "payment_status", "kitchen_status")
GOOD_LIFE = [
    ("order_placed", "pending", "pending"),
    ("order_placed", "paid", "pending"),
    ("order_placed", "paid", "acknowledged"),
    ("preparing_food", "paid", "acknowledged"),
    ("quality_check", "paid", "acknowledged"),
    ("out_for_delivery", "paid", "acknowledged"),
    ("delivered", "paid", "acknowledged"),
]

# Everything that matters, at one moment: a script runs alone.
SNAPSHOT = """
local found = { orders = {}, places = {}, events = 0, count = {} }
for _, entry in ipairs(redis.call('XRANGE', 'events:{s00}', '-', '+')) do
    local fields = entry[2]
    local _, newlines = string.gsub(fields[3] == 'changes' and fields[4] or '', '\\n', '')
    found.events = found.events + 1 + newlines
end
local function hash(key)
    local out, flat = {}, redis.call('HGETALL', key)
    for i = 1, #flat, 2 do out[flat[i]] = flat[i + 1] end
    return out
end
for _, key in ipairs(redis.call('KEYS', 'order:{s00}:*')) do
    found.orders[#found.orders + 1] = hash(key)
end
found.ledger = {}
for _, key in ipairs(redis.call('KEYS', 'gateway:{s00}:*')) do
    found.ledger[#found.ledger + 1] = { string.sub(key, #'gateway:{s00}:' + 1), hash(key) }
end
local lists = redis.call('KEYS', 'jobs:{s00}:active:*')
lists[#lists + 1] = 'jobs:{s00}:ready'
for _, key in ipairs(lists) do
    local is_hash = redis.call('TYPE', key).ok == 'hash'
    for _, id in ipairs(is_hash and redis.call('HKEYS', key) or redis.call('LRANGE', key, 0, -1)) do
        found.places[#found.places + 1] = { id, key }
    end
end
for _, key in ipairs({ 'jobs:{s00}:delayed', 'jobs:{s00}:dead' }) do
    for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
        found.places[#found.places + 1] = { id, key }
    end
end
found.count = hash('count:{s00}')
return cjson.encode(found)
"""


def changes_of(redis):
    """All that the events tell, oldest first: an entry holds one change by fields, or a line of each."""
    names = ("order", "version", "status", "payment_status", "kitchen_status")
    for _, event in redis.xrange(EVENTS):
        if "changes" not in event:
            yield event
            continue
        for line in event["changes"].split("\n"):
            yield {**dict(zip(names, line.split(" "), strict=True)), "at": event["at"]}


def figures(redis_, pid):
    """What a worker process says of itself, once a second: {name: number}."""
    for key in redis_.scan_iter(match="live:{s00}:worker-*", count=1000):
        if f"-{pid}-" in key:
            return {name: int(n) for name, n in redis_.hgetall(key).items()}
    return {}


class Store:
    def __init__(self, stack):
        self.checked = None  # the state that check_everything() saw last
        self.redis = redis.Redis(**stack.redis(), username="admin", decode_responses=True,
                                 socket_timeout=DEADLINE_S)

    def patiently(self, ask):
        """Asks again while Redis is away or loading."""
        def attempt():
            try:
                return (ask(),)
            except (redis.ConnectionError, redis.TimeoutError):
                return None
        return eventually(attempt, "Redis")[0]

    # ---- orders -------------------------------------------------------------------------------

    def order(self, id_):
        """The hash as redis-cli shows it."""
        return self.patiently(lambda: self.redis.hgetall("order:{s00}:" + id_))

    def history(self, id_):
        order = self.order(id_)
        return [tuple(order[f"v{n}"].split(" ")[:3]) for n in range(1, int(order["version"]) + 1)]

    def events(self, id_):
        """What the stream of events says about one order, in its order."""
        return [change for change in changes_of(self.redis) if change["order"] == id_]

    def ledger(self, id_):
        """The gateway's own record of the order's payment; {} when it never heard of it."""
        key = self.order(id_).get("payment_key")
        return key and self.redis.hgetall("gateway:{s00}:" + key) or {}

    def wait_field(self, id_, field, value=None):
        """Until the order's hash has the field, and this value if one is given."""
        def ask():
            found = self.order(id_).get(field)
            return found if value is None or found == value else None
        return eventually(ask, f"{field}={value or 'any'} of {id_}")

    def wait_settled(self, ids):
        """Until none of these orders has anything more to come. -> {id: hash}"""
        ids = list(ids)

        def unsettled():
            pipe = self.redis.pipeline(transaction=False)
            for id_ in ids:
                pipe.hget("order:{s00}:" + id_, "step")
            return [id_ for id_, step in zip(ids, pipe.execute()) if step != "settled"]
        deadline = time.monotonic() + DEADLINE_S
        while left := self.patiently(unsettled):
            assert time.monotonic() < deadline, \
                f"{len(left)} of {len(ids)} never settled: {self.order(left[0])}"
            time.sleep(0.02)
        return {id_: self.order(id_) for id_ in ids}

    def count(self, name):
        return int(self.redis.hget(COUNT, name) or 0)

    # ---- what must be true at any moment --------------------------------------------------------

    def snapshot(self):
        return json.loads(self.redis.eval(SNAPSHOT, 0))

    def check_everything(self):
        """Callable at any moment, also under load. Costs little when nothing has happened."""
        state = (self.redis.xinfo_stream(EVENTS)["last-generated-id"]
                 if self.redis.exists(EVENTS) else "", self.redis.hgetall(COUNT))
        if state != self.checked:
            found = self.snapshot()
            check_invariant(found)
            check_ledger(found)
            self.checked = state

    def check_invariant(self):
        check_invariant(self.snapshot())


def check_invariant(found):
    """Each unsettled order is in exactly one place; placed = settled + those; dead means
    needs_review; each version is a line of history and an event."""
    places = {}
    for id_, place in found["places"]:
        places.setdefault(id_, []).append(place)
    count = {name: int(n) for name, n in dict(found["count"]).items()}
    n_unsettled = n_versions = 0
    for order in found["orders"]:
        where, version = places.pop(order["id"], []), int(order["version"])
        lines = [name for name in order if name[0] == "v" and name[1:].isdigit()]
        assert len(lines) == version, order
        assert order[f"v{version}"].split(" ")[:3] == [order[name] for name in STATUSES], order
        n_versions += version
        if order["step"] == "settled":
            assert where == [], f"settled, yet in {where}: {order}"
            continue
        n_unsettled += 1
        assert len(where) == 1, f"in {where}: {order}"
        assert where[0].endswith(":dead") == (order["status"] == "needs_review"), order
    for id_, where in places.items():
        assert id_.startswith("update_") and len(where) == 1, f"{id_} in {where}"
    assert count.get("placed", 0) == count.get("settled", 0) + n_unsettled
    assert count.get("settled", 0) == sum(
        count.get(name, 0) for name in ("delivered", "payment_failed", "cancelled"))
    if not count.get("orders_forgotten"):  # their events may stay, or be trimmed
        assert found["events"] == n_versions
    assert len(places) == count.get("updates_accepted", 0) - count.get("updates_published", 0)


def check_ledger(found):
    """Nobody paid twice, nothing was delivered unpaid, what was sent back was there."""
    ledger, owner = dict(found["ledger"]), {}
    for order in found["orders"]:
        key, paid = order.get("payment_key"), order["payment_status"]
        entry = ledger.get(key, {})
        captures, refunds = int(entry.get("captures", 0)), int(entry.get("refunds", 0))
        if key:
            assert key not in owner, f"{order} shares its key"
            owner[key] = order["id"]
        if order.get("leaving"):
            continue  # let go because memory was short: its entry goes first
        assert captures <= 1 and refunds <= captures, (order, entry)
        if captures:
            assert entry["amount_cents"] == order["amount_cents"], (order, entry)
            assert entry["currency"] == order["currency"], (order, entry)
        assert {"paid": captures == 1 and (refunds == 0 or order["status"] == "cancelled"),
                "refunded": captures == 1 and refunds == 1,
                "declined": entry.get("result") == "declined",
                "not_charged": not key,
                "pending": order["step"] != "settled"}[paid], (order, entry)
        if order["status"] == "delivered":
            assert captures == 1 and paid == "paid", (order, entry)
    assert set(ledger) <= set(owner), "a charge that belongs to no order"
