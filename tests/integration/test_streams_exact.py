"""Live status is exact: every version once and in order, at whatever interleaving of connecting,
changing, leaving and coming back; and a slow reader hurts nobody and ends with the right state."""
import concurrent.futures
import os
import random
import signal
import socket
import struct
import time

from tiffin_http import versions
from tiffin_stack import eventually

LIVES = 1000
AT_ONCE = 25
SEED = 20261122


# ---- random interleavings -----------------------------------------------------------------------

def follow_at_random(http, dice):
    """One order, followed by a reader who leaves and comes back at random moments."""
    id_ = http.place().json["order_id"]
    seen, last, ended = [], None, False
    if dice.random() < 0.1:
        http.post(f"/order/{id_}/cancel")
    time.sleep(dice.random() * 0.2)  # no event to await: any moment of the order's life will do
    while not ended:
        with http.live(id_, last) as stream:
            if stream.status == 204:
                break
            stay = dice.randint(1, 8)
            for event in stream:
                if event.type == "end":
                    ended = True
                    break
                seen.append(int(event.id))
                last = event.id
                stay -= 1
                if stay == 0:
                    break
        if dice.random() < 0.5:
            time.sleep(dice.random() * 0.05)
    return id_, seen


def test_random_interleavings(http, store):
    seeds = random.Random(SEED)
    dice = [random.Random(seeds.random()) for _ in range(LIVES)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for id_, seen in pool.map(lambda d: follow_at_random(http, d), dice):
            order = http.order(id_)
            assert seen == list(range(seen[0], order["version"] + 1)), (SEED, seen)


# ---- a gap that nobody announces ----------------------------------------------------------------

def test_events_trimmed_past_a_stopped_process(own_world):
    """The API sleeps while all of an order's events come and are trimmed away."""
    http, stack, store = own_world.http, own_world.stack, own_world.store
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_)
        assert versions([stream.next_event()]) == [1]
        children = stack.children("api")
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
    try:
        store.wait_settled([id_])
        store.redis.xtrim("events:{s00}", maxlen=0, approximate=False)
        time.sleep(2)  # longer than what counts as stopped: there is no event for that
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)
    with stream:
        events = list(stream)
    assert versions(events) == list(range(2, http.order(id_)["version"] + 1))
    assert events[-1].type == "end"


def test_events_that_begin_again_with_lower_ids(own_world):
    """All data lost and the clock set back: the ids are below the last one that was seen."""
    http, stack, store = own_world.http, own_world.stack, own_world.store
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_)
        assert versions([stream.next_event()]) == [1]
        far = "4102444800000-0"  # 2100
        store.redis.xadd("events:{s00}", {"not": "an event"}, id=far)
        eventually(lambda: f"event {far} is not readable" in stack.log("api"),
                   "the stream's process has seen it")
        store.redis.delete("events:{s00}")
    with stream:
        events = list(stream)
    assert versions(events) == list(range(2, http.order(id_)["version"] + 1))
    assert events[-1].type == "end"


def test_nobody_watches_and_the_events_are_not_read(own_world):
    http, store = own_world.http, own_world.store

    def reads():
        store.redis.config_resetstat()
        store.wait_settled([http.place().json["order_id"]])
        return "cmdstat_xread" in store.redis.info("commandstats")
    assert not reads()
    with own_world.stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_)
        assert versions([stream.next_event()]) == [1]
    with stream:
        events = list(stream)
    assert versions(events) == list(range(2, http.order(id_)["version"] + 1))
    eventually(lambda: not reads(), "the events are not read any more")


# ---- slow readers -------------------------------------------------------------------------------

def test_one_among_two_hundred_does_not_read(http, stack):
    """All others have seen the end before it reads its first change; it misses nothing."""
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        slow = http.live(id_)
        streams = [http.live(id_) for _ in range(199)]
        for stream in (slow, *streams):
            assert versions([stream.next_event()]) == [1]
    for stream in streams:
        with stream:
            events = list(stream)
        assert events[-1].type == "end"
        assert versions(events) == list(range(2, 8))
    with slow:
        assert versions(list(slow)) == list(range(2, 8))


class FastCgiStream:
    """A GET as nginx would send it, to one API process, from a reader that does not read."""

    def __init__(self, path, uri):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        params = b"".join(self.pair(name, value) for name, value in
                          (("REQUEST_METHOD", "GET"), ("DOCUMENT_URI", uri), ("QUERY_STRING", "")))
        self.socket.sendall(self.record(1, struct.pack("!HB5x", 1, 1)) + self.record(4, params) +
                            self.record(4, b"") + self.record(5, b""))

    @staticmethod
    def pair(name, value):
        return bytes([len(name), len(value)]) + name.encode() + value.encode()

    @staticmethod
    def record(kind, content):
        return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            assert more, "the API hung up"
            data += more
        return data

    def read_all(self):
        """-> the body, to the end of the request"""
        body = b""
        while True:
            _, kind, _, n, padding = struct.unpack("!BBHHBx", self._exactly(8))
            content = self._exactly(n + padding)[:n]
            if kind == 3:
                return body.decode()
            body += content


def age_order(store, id_, versions_more):
    """Makes versions by burying and requeuing the order as often as asked."""
    order, ready, dead = "order:{s00}:" + id_, "jobs:{s00}:ready", "jobs:{s00}:dead"
    active, events, worker = "jobs:{s00}:active:test", "events:{s00}", "test"
    store.redis.fcall("beat", 2, "workers:{s00}", "worker:{s00}:test", worker, 600000)
    for _ in range(versions_more // 2):
        store.redis.fcall("take", 5, ready, active, "jobs:{s00}:delayed", "workers:{s00}",
                          "jobs:{s00}:paused", worker, 1)
        epoch = store.redis.fcall("begin", 2, order, active, id_)[1]
        store.redis.fcall("fail", 5, order, active, "jobs:{s00}:delayed", dead, events, id_, epoch,
                          0, 1, "a test")
        store.redis.fcall("requeue", 4, order, ready, dead, events, id_)
    store.redis.fcall("leave", 4, "workers:{s00}", "worker:{s00}:test", active, ready, worker)


def test_a_reader_who_stops_reading_gets_the_newest(http, stack, store):
    """More versions than its socket holds: it misses some, never goes back, and ends right."""
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        eventually(lambda: http.status()["live"]["sse"] == 0, "no stream of a test before")
        stream = FastCgiStream(stack.folder / "api" / "0.sock", f"/order/{id_}/live-status")
        eventually(lambda: http.status()["live"]["sse"] == 1, "the stream is open")
        age_order(store, id_, 2400)
        newest = http.order(id_)["version"]
        assert newest > 2400
    body = stream.read_all()
    ids = [int(line[4:]) for line in body.splitlines() if line.startswith("id: ")]
    assert ids == sorted(set(ids)), "ids rise"
    assert ids[-1] == http.order(id_)["version"]
    assert len(ids) < newest, "it was spared what it could not take"
    assert body.rstrip().endswith('data: {"status":"delivered"}')
