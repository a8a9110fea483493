"""The functions as Python calls, the keys as names, and what must be true at any moment."""
import collections
import itertools
import random

from redis import ResponseError

READY = "jobs:{s00}:ready"
DELAYED = "jobs:{s00}:delayed"
DEAD = "jobs:{s00}:dead"
PAUSED = "jobs:{s00}:paused"
WORKERS = "workers:{s00}"
PULSE = "pulse:{s00}"
COUNT = "count:{s00}"
FACTS = "facts:{s00}"
EVENTS = "events:{s00}"
INDEX = "orders:{s00}:index"
LIVE = "live:{s00}"
RETENTION = "retention:{s00}"
CHAT_LOG = "chat:{s00}:log"
CHAT_KEYS = "chat:{s00}:keys"
CHAT_CHANNEL = "chat:{s00}"
PRESENT = "chat:{s00}:present"

FAR_AWAY_MS = 4102444800000  # 2100: a deadline nobody misses
KEEP_SECONDS = 3600
HOUR_MS = 3600 * 1000
STAGES = ("preparing_food", "quality_check", "out_for_delivery", "delivered")
_serial = itertools.count()


def new_id(kind="order"):
    """An id as the programs make them: unlike any other, always as long."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    n, text = next(_serial) * 977 + 7, ""
    for _ in range(4):
        n, digit = divmod(n, 32)
        text += alphabet[digit]
    return f"{kind}_00" + text + "".join(random.choices(alphabet, k=16))


def job_key(id_):
    return ("update:{s00}:" if id_.startswith("update_") else "order:{s00}:") + id_


def active_key(worker):
    return "jobs:{s00}:active:" + worker


def heartbeat_key(worker):
    return "worker:{s00}:" + worker


def order_args(id_, restaurant="resto_123", item="Curry", quantity=1, user="", key="", fingerprint="",
               deadline=FAR_AWAY_MS):
    """-> keys and arguments of one order of place_orders"""
    return ([job_key(id_), "restaurant:{s00}:" + restaurant, "user:{s00}:" + user,
             "user:{s00}:" + user + ":orders", "idem:{s00}:" + key],
            [id_, restaurant, item, quantity, user, fingerprint, deadline])


class Functions:
    """Every function, called as one user. Defaults are the usual arguments."""

    def __init__(self, client):
        self.redis = client

    def fcall(self, name, keys, *args):
        return self.redis.execute_command("FCALL", name, len(keys), *keys, *args)

    # API

    def place(self, id_, restaurant="resto_123", item="Curry", quantity=1, user="", key="",
              fingerprint="", deadline=FAR_AWAY_MS, age_limit=0):
        """One order, by place_orders. An error where it answers one."""
        answers = self.place_orders(order_args(id_, restaurant, item, quantity, user, key, fingerprint,
                                               deadline), age_limit=age_limit)
        if answers and answers[0][0] == "error":
            raise ResponseError(answers[0][1])
        return answers and answers[0]

    def place_orders(self, *orders, age_limit=0):
        """orders: of order_args()"""
        keys = [READY, INDEX, COUNT, EVENTS, *(key for keys, _ in orders for key in keys)]
        return self.fcall("place_orders", keys, age_limit, *(arg for _, args in orders for arg in args))

    def place_version2(self, id_, restaurant="resto_123", item="Curry", quantity=1, user="", key="",
                       fingerprint="", deadline=FAR_AWAY_MS):
        (order, restaurant_, user_, user_orders, idem), args = order_args(
            id_, restaurant, item, quantity, user, key, fingerprint, deadline)
        return self.fcall("place", [order, READY, INDEX, COUNT, EVENTS, restaurant_, user_, user_orders,
                                    idem], *args)

    def accept_update(self, id_, message="Hello", delay=0, key="", fingerprint="",
                      deadline=FAR_AWAY_MS, limit=1000):
        return self.fcall("accept_update",
                          [job_key(id_), READY, DELAYED, COUNT, "idem:{s00}:" + key, DEAD],
                          id_, message, delay, fingerprint, deadline, limit)

    def cancel(self, id_):
        return self.fcall("cancel", [job_key(id_), EVENTS])

    def ready(self):
        return self.fcall("ready", [COUNT])

    def library_version(self):
        return self.redis.execute_command("FCALL_RO", "library_version", 0)

    # worker

    def beat(self, worker, ttl=HOUR_MS):
        return self.fcall("beat", [WORKERS, heartbeat_key(worker)], worker, ttl)

    def beat_all(self, worker, ttl=HOUR_MS):
        """The same, and it tells for how many ms all heartbeats have been steady, and the time."""
        return self.fcall("beat", [WORKERS, heartbeat_key(worker), PULSE, DELAYED], worker,
                          ttl)

    def clock_set(self, agreed, ms):
        return self.fcall("clock_set", [PULSE, DELAYED], agreed, ms)

    def claim(self, worker, n=1, now=FAR_AWAY_MS):
        return self.fcall("claim", [READY, active_key(worker), DELAYED, WORKERS, PAUSED],
                          worker, n, now)

    def begin_jobs(self, worker, *begins):
        """begins: (id, proposed payment key), ... -> an answer for each"""
        keys = [active_key(worker), DEAD, EVENTS, *(job_key(id_) for id_, _ in begins)]
        return self.fcall("begin_jobs", keys, *itertools.chain(*begins))

    def step_jobs(self, worker, *steps, keep=KEEP_SECONDS):
        """steps: (id, epoch, step, result, wait), ... -> an answer for each"""
        keys = [active_key(worker), DELAYED, EVENTS, COUNT, FACTS,
                *(job_key(step[0]) for step in steps)]
        return self.fcall("step_jobs", keys, keep, *itertools.chain(*steps))

    def active(self, worker, *what):
        return self.redis.execute_command("FCALL_RO", "active", 1, active_key(worker), *what)

    # a worker of library version 2

    def take(self, worker, n=1, *now):
        return self.fcall("take", [READY, active_key(worker), DELAYED, WORKERS, PAUSED],
                          worker, n, *now)

    def begin(self, worker, id_):
        return self.fcall("begin", [job_key(id_), active_key(worker), DEAD, EVENTS], id_)

    def intent(self, worker, id_, epoch, key):
        return self.fcall("intent", [job_key(id_), active_key(worker)], id_, epoch, key)

    def step(self, worker, id_, epoch, step, result="ok", wait=0, keep=KEEP_SECONDS):
        return self.fcall("step",
                          [job_key(id_), active_key(worker), READY, DELAYED, EVENTS, COUNT, FACTS],
                          id_, epoch, step, result, wait, keep)

    # a worker of any version

    def fail(self, worker, id_, epoch, wait=HOUR_MS, allowed=8, reason="no answer"):
        return self.fcall("fail", [job_key(id_), active_key(worker), DELAYED, DEAD, EVENTS],
                          id_, epoch, wait, allowed, reason)

    def publish_update(self, worker, id_, epoch, kept=1000):
        return self.fcall("publish_update", [job_key(id_), active_key(worker), COUNT, CHAT_LOG],
                          id_, epoch, CHAT_CHANNEL, kept)

    # bridge

    def chat_post(self, text, user="", color="", kept=1000, deadline=FAR_AWAY_MS, key=""):
        return self.fcall("chat_post", [COUNT, CHAT_LOG, CHAT_KEYS], CHAT_CHANNEL, kept, deadline,
                          text, user, color, key)

    def chat_beat(self, bridge, clients=1, beat=1, ttl=HOUR_MS):
        return self.fcall("chat_beat", [PRESENT, COUNT], CHAT_CHANNEL, bridge, clients, beat, ttl)

    def reap(self, worker, ids, allowed=8):
        return self.fcall("reap",
                          [WORKERS, heartbeat_key(worker), active_key(worker), READY, DEAD, EVENTS,
                           *map(job_key, ids)], worker, allowed, *ids)

    def reap_by_clock(self, worker, ids, now, ttl=HOUR_MS, allowed=8):
        """The same by who knows what time it is: nobody is called dead because of a clock."""
        return self.fcall("reap",
                          [WORKERS, heartbeat_key(worker), active_key(worker), READY, DEAD, EVENTS,
                           PULSE, *map(job_key, ids)], worker, allowed, ttl, now, *ids)

    def leave(self, worker, ids):
        return self.fcall("leave", [WORKERS, heartbeat_key(worker), active_key(worker), READY,
                                    *map(job_key, ids)], worker, *ids)

    def trim(self, ids):
        return self.fcall("trim", [INDEX, *map(job_key, ids)], *ids)

    def live_write(self, process, *figures, ttl=3000):
        return self.fcall("live_write", [LIVE, LIVE + ":" + process], process, ttl, *figures)

    # room

    def oldest(self, worker, first=0, n=100, age=0, is_short=1, turn=HOUR_MS):
        return self.fcall("oldest", [RETENTION, INDEX, EVENTS, CHAT_LOG], worker, turn, first, n,
                          age, is_short)

    def release(self, ids, is_short=1):
        return self.fcall("release", [INDEX, *map(job_key, ids)], is_short, *ids)

    def forget(self, ids):
        return self.fcall("forget", [INDEX, COUNT, *map(job_key, ids)], *ids)

    # people, and who looks

    def requeue(self, id_):
        return self.fcall("requeue", [job_key(id_), READY, DEAD, EVENTS], id_)

    def discard(self, id_):
        return self.fcall("discard", [job_key(id_), READY, DEAD, EVENTS, COUNT], id_)

    def settle(self, id_, money="refunded", keep=KEEP_SECONDS):
        return self.fcall("settle", [job_key(id_), DEAD, EVENTS, COUNT, FACTS], id_, money, keep)

    def pause(self):
        return self.fcall("pause", [PAUSED])

    def resume(self):
        return self.fcall("resume", [PAUSED])

    def stats(self, workers):
        keys = [COUNT, READY, DELAYED, DEAD, WORKERS, PAUSED, *map(active_key, workers)]
        return self.redis.execute_command("FCALL_RO", "stats", len(keys), *keys)

    # gateway

    def charge(self, key, amount=1250, currency="USD", outcome="captured", deadline=0):
        return self.fcall("gateway_charge", ["gateway:{s00}:" + key], amount, currency, outcome,
                          deadline)

    def refund(self, key):
        return self.fcall("gateway_refund", ["gateway:{s00}:" + key])

    def gateway_forget(self, keys):
        return self.fcall("gateway_forget", ["gateway:{s00}:" + key for key in keys])


def places(redis):
    """Where each job is: {id: [place, ...]}; more than one place is a broken invariant."""
    found = collections.defaultdict(list)
    for key in [READY, *redis.scan_iter(match="jobs:{s00}:active:*", count=1000)]:
        ids = redis.hkeys(key) if redis.type(key) == "hash" else redis.lrange(key, 0, -1)
        for id_ in ids:
            found[id_].append(key)
    for key in (DELAYED, DEAD):
        for id_ in redis.zrange(key, 0, -1):
            found[id_].append(key)
    return found


# How many changes the events tell, for a command of its own.
COUNT_CHANGES = """
local n = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    local fields = entry[2]
    local _, newlines = string.gsub(fields[3] == 'changes' and fields[4] or '', '\\n', '')
    n = n + 1 + newlines
end
return n
"""


def changes_of(redis):
    """All that the events tell, oldest first: an entry holds one change by fields, or a line of each."""
    names = ("order", "version", "status", "payment_status", "kitchen_status")
    last = "-"
    while batch := redis.xrange(EVENTS, min=last, count=5000):
        for entry, event in batch:
            last = "(" + entry
            if "changes" not in event:
                yield event
                continue
            for line in event["changes"].split("\n"):
                yield {**dict(zip(names, line.split(" "), strict=True)), "at": event["at"]}


def check_invariant(redis):
    """Each unsettled order is in exactly one place; placed = settled + those; dead <=>
    needs_review; a version is a line of history and an event; stats says the same."""
    found = places(redis)
    count = {name: int(n) for name, n in redis.hgetall(COUNT).items()}
    unsettled, n_jobs = 0, len(found)
    events = collections.Counter(change["order"] for change in changes_of(redis))
    for key in redis.scan_iter(match="order:{s00}:*", count=1000):
        order = redis.hgetall(key)
        where = found.pop(order["id"], [])
        assert events[order["id"]] == int(order["version"]), order
        history = [name for name in order if name[0] == "v" and name[1:].isdigit()]
        assert len(history) == int(order["version"]), order
        line = order["v" + order["version"]]
        assert line.rsplit(" ", 1)[0] == " ".join(
            order[name] for name in ("status", "payment_status", "kitchen_status")), order
        if order["step"] == "settled":
            assert where == [], f"settled, yet in {where}: {order}"
            continue
        unsettled += 1
        assert len(where) == 1, f"in {where}: {order}"
        assert (where == [DEAD]) == (order["status"] == "needs_review"), order
    for id_, where in found.items():
        assert id_.startswith("update_") and len(where) == 1, f"{id_} in {where}"
    settled = count.get("settled", 0)
    assert count.get("placed", 0) == settled + unsettled
    assert settled == sum(count.get(name, 0)
                          for name in ("delivered", "payment_failed", "cancelled"))
    pending = count.get("updates_accepted", 0) - count.get("updates_published", 0) \
        - count.get("updates_discarded", 0)
    assert pending == len(found)
    word, *stats = Functions(redis).stats(sorted(redis.smembers(WORKERS)))
    assert word == "stats" and stats[:3] == [count.get("placed", 0), settled, pending]
    assert sum(stats[3:7]) == n_jobs == stats[0] - stats[1] + stats[2]


def snapshot(redis, match="*"):
    """All that is stored, key by key: two of them are equal when nothing has changed."""
    read = {"string": redis.get, "hash": redis.hgetall, "set": redis.smembers,
            "list": lambda key: redis.lrange(key, 0, -1),
            "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
            "stream": redis.xrange}
    return {key: read[redis.type(key)](key) for key in redis.scan_iter(match=match, count=1000)}


def history(order):
    """The order's history: [(status, payment, kitchen), ...], oldest first."""
    return [tuple(order[f"v{n}"].split(" ")[:3]) for n in range(1, int(order["version"]) + 1)]


class Worker:
    """A worker that is registered, for tests that only want an order to get somewhere."""

    def __init__(self, functions, name="w1"):
        self.do, self.name = functions, name
        functions.beat(name)

    def take(self, n=1):
        return self.do.take(self.name, n)[1:]

    def begin(self, id_):
        """-> epoch"""
        reply = self.do.begin(self.name, id_)
        assert reply[0] == "begun", reply
        return reply[1]

    def claim(self, id_):
        """Takes all that is ready until it holds this job, and begins on it. -> epoch"""
        assert id_ in self.take(100)
        return self.begin(id_)

    def charge(self, id_, epoch, result="ok", **step):
        """Intent and the end of the payment. -> the reply of step"""
        assert self.do.intent(self.name, id_, epoch, "pay_" + id_)[0] == "ok"
        return self.do.step(self.name, id_, epoch, "payment", result, **step)

    def pay(self, id_, result="ok"):
        """From ready to the end of the payment. -> the reply of step"""
        return self.charge(id_, self.claim(id_), result)

    def finish(self, id_, reply):
        """Goes on, always ok, from a reply that said 'held' until the order is settled."""
        while reply[0] == "held":
            reply = self.do.step(self.name, id_, reply[3], reply[2])
        return reply
