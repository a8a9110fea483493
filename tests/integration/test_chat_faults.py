"""No message of the chat is lost, doubled or out of order, whatever dies."""
import contextlib
import signal
import threading
import time
import uuid

import pytest

from tiffin_chat import chat_world, history_of, ids, is_ready, strict_world, world  # noqa: F401
from tiffin_halfopen import HalfOpen
from tiffin_stack import DEADLINE_S, eventually
from tiffin_ws import JSON, Ws


def test_both_bridges_show_the_same_feed_in_the_same_order(world):
    clients = [Ws(world.bridge(1 + i % 2), protocol=JSON) for i in range(10)]
    for ws in clients:
        history_of(ws)
    start = world.top()

    def talk(ws, name):
        for i in range(100):
            ws.say(f"{name}.{i}", user=name)
    threads = [threading.Thread(target=talk, args=(ws, f"c{i}")) for i, ws in enumerate(clients)]
    for thread in threads:
        thread.start()
    feeds = []
    for ws in clients:
        feeds.append([ws.json("message") for _ in range(1000)])
    for thread in threads:
        thread.join()
    for feed in feeds:
        assert ids(feed) == list(range(start + 1, start + 1001))
        assert feed == feeds[0]
    for i in range(10):
        mine = [m["text"] for m in feeds[0] if m["user"] == f"c{i}"]
        assert mine == [f"c{i}.{k}" for k in range(100)]
    for ws in clients:
        ws.hang_up()


class Listener(threading.Thread):
    """Stays in the chat, comes back with its last id, and keeps what it saw."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.seen, self.last, self.came_back = world, [], None, -1
        self.incomplete, self.stop = 0, threading.Event()
        self.trouble = None

    def take(self, frame):
        messages = frame["messages"] if frame["type"] == "history" else [frame]
        if frame["type"] == "history" and not frame["complete"]:
            self.incomplete += 1
        if self.last is None and frame["type"] == "history":
            self.last = messages[-1]["id"] if messages else self.world.top()
            return
        for message in messages:
            self.seen.append(message["id"])
            self.last = message["id"]

    def run(self):
        while not self.stop.is_set():
            try:
                with self.world.json(after=self.last) as ws:
                    self.came_back += 1
                    while not self.stop.is_set():
                        try:
                            frame = ws.json("message", "update", "history", timeout=0.5)
                        except AssertionError:
                            continue
                        if frame is None:
                            break
                        self.take(frame)
            except (OSError, AssertionError, KeyError) as trouble:
                self.trouble = trouble
                time.sleep(0.1)


def talk_through(world, hurt):
    """Talks on both bridges while something is hurt; everybody must have seen everything once."""
    listeners = [Listener(world) for _ in range(6)]
    for listener in listeners:
        listener.start()
    eventually(lambda: all(one.last is not None for one in listeners), "all listeners")
    first = world.top()
    stop = threading.Event()

    def talk():
        while not stop.is_set():
            try:
                with world.plain() as ws:
                    for i in range(1000):
                        if stop.is_set():
                            break
                        ws.say(f"m{i}")
                        time.sleep(0.01)
            except (OSError, AssertionError):
                time.sleep(0.1)
    talkers = [threading.Thread(target=talk) for _ in range(4)]
    for thread in talkers:
        thread.start()

    def talk_goes_on(more):
        goal = world.store.patiently(world.top) + more
        eventually(lambda: world.store.patiently(world.top) >= goal, "more talk")
    try:
        talk_goes_on(100)
        hurt()
        talk_goes_on(400)
    finally:
        stop.set()
        for thread in talkers:
            thread.join()

    def all_have_all():  # what the talkers said last may still be on its way
        top = world.store.patiently(world.top)
        return all(one.last == top for one in listeners) and top
    try:
        top = eventually(all_have_all, f"everybody to have everything, {listeners[0].trouble}")
    finally:
        for listener in listeners:
            listener.stop.set()
    for listener in listeners:
        listener.join()
        assert listener.seen == list(range(listener.seen[0], listener.last + 1))
        assert listener.last >= top
        assert listener.seen[0] >= first + 1 - 50 and listener.incomplete == 0
    assert top >= first + 500
    return listeners


def test_redis_killed_in_mid_flow(world):
    def hurt():
        world.stack.kill("redis")
        time.sleep(1)
        world.stack.kill("redis")
    listeners = talk_through(world, hurt)
    assert all(one.came_back == 0 for one in listeners)  # clients stay connected


def test_bridges_killed_in_mid_flow(world):
    def hurt():
        for _ in range(3):
            world.stack.kill("ws")
            time.sleep(0.3)
            world.stack.kill("ws-2")
            time.sleep(0.3)
    listeners = talk_through(world, hurt)
    assert any(one.came_back > 0 for one in listeners)


class Sender(threading.Thread):
    """Says numbered messages, several at a time, and each of them until it is accepted."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.world, self.name, self.n = world, name, 0
        self.waiting, self.accepted = {}, {}  # {key: text}, {text: id}
        self.stop = threading.Event()

    def is_done(self):
        return self.stop.is_set() and not self.waiting

    def say(self, ws, key):
        ws.say(self.waiting[key], key=key)

    def say_more(self, ws):
        while len(self.waiting) < 5 and not self.stop.is_set():
            key = uuid.uuid4().hex
            self.waiting[key] = f"{self.name}.{self.n}"
            self.n += 1
            self.say(ws, key)

    def talk(self, ws):
        for key in self.waiting:
            self.say(ws, key)
        while not self.is_done():
            self.say_more(ws)
            answer = ws.json("accepted", "error", timeout=5)
            if answer is None:
                return
            key = answer.get("key")
            if answer["type"] == "accepted":
                self.accepted[self.waiting.pop(key)] = answer["id"]
                time.sleep(0.02)  # all of it must still stand in the log at the end
            elif key:
                time.sleep(0.05)
                self.say(ws, key)

    def run(self):
        while not self.is_done():
            with contextlib.suppress(OSError, AssertionError):
                with self.world.json() as ws:
                    self.talk(ws)
            time.sleep(0.05)


@pytest.mark.parametrize("names, pause", [(["ws", "ws-2"] * 3, 0.2), (["redis"] * 2, 1)])
def test_what_is_said_with_a_key_is_said_once_whatever_dies(world, names, pause):
    first = world.top()
    senders = [Sender(world, f"s{i}") for i in range(8)]
    for sender in senders:
        sender.start()
    for name in names:
        time.sleep(pause)
        world.stack.kill(name)
    goal = sum(len(sender.accepted) for sender in senders) + 101
    eventually(lambda: sum(len(sender.accepted) for sender in senders) >= goal, "more of them")
    for sender in senders:
        sender.stop.set()
    for sender in senders:
        sender.join(DEADLINE_S)
        assert not sender.waiting
    log = world.store.patiently(
        lambda: world.store.redis.xrange("chat:{s00}:log", min=f"{first + 1}-0"))
    said = [(entry["text"], int(id_.split("-")[0])) for id_, entry in log]
    assert len(said) < 10000
    assert sorted(said) == sorted(pair for one in senders for pair in one.accepted.items())
    assert sum(one.n for one in senders) == len(said) > 100


def test_a_subscription_that_is_cut_or_taken_away(world):
    def hurt():
        for _ in range(5):
            world.store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            time.sleep(0.2)
    assert all(one.came_back == 0 for one in talk_through(world, hurt))


def test_a_subscription_that_is_half_open(world):
    """It stays established and says nothing any more: the bridge finds out by itself, subscribes
    anew, and its clients miss nothing and stay."""
    with HalfOpen(world.stack.folder / "redis.sock") as way, \
            world.own_bridge(REDIS=way.path) as path, \
            Ws(path, protocol=JSON) as a, Ws(path) as b, world.plain() as elsewhere:
        history_of(a)
        elsewhere.say("before")
        first = a.wait_json("message", text="before")["id"]
        b.wait_text("Message: before")
        before = way.subscriptions
        way.mute()
        for i in range(60):
            elsewhere.say(f"unheard {i}")
        eventually(lambda: way.subscriptions > before, "another subscription")
        eventually(lambda: is_ready(path), "a bridge that is ready again")
        elsewhere.say("after")
        seen = [a.json("message") for _ in range(61)]
        assert ids(seen) == list(range(first + 1, first + 62))
        assert [m["text"] for m in seen] == [f"unheard {i}" for i in range(60)] + ["after"]
        heard = [line for line in b.wait_text("Message: after") if line.startswith("Message")]
        assert heard == [f"Message: unheard {i}" for i in range(60)]
        b.say("and back")
        assert a.json("message")["text"] == "and back"


def test_redis_frozen_in_mid_flow(world):
    def hurt():
        with world.stack.frozen("redis"):
            time.sleep(3)
    assert all(one.came_back == 0 for one in talk_through(world, hurt))


def test_while_redis_is_away_messages_are_refused_not_lost(world):
    with world.json() as a, world.plain() as b, world.json() as quiet:
        history_of(quiet)
        with world.stack.without("redis"):
            eventually(lambda: not world.is_ready(), "a bridge that is not ready")
            a.say("anybody?")
            error = a.json("error")
            assert error["error"] in ("not_sent", "unknown") and "not" in error["text"]
            b.say("anybody?")
            assert b.wait_close() == 1013
            with world.json() as newcomer:  # may come in, and sees what the bridge remembers
                assert newcomer.json("history")["complete"]
        eventually(lambda: world.is_ready(1) and world.is_ready(2), "the bridges")
        a.say("back")
        a.wait_json("message", text="back")
        quiet.wait_json("message", text="back")


def test_a_killed_bridges_clients_are_forgotten(world):
    clients = [Ws(world.bridge(2)) for _ in range(5)]
    with Ws(world.bridge(1), protocol=JSON) as a:
        a.wait_json("presence", "join", present=6)
        with world.stack.frozen("ws-2"):  # silent, like one that is cut off
            a.wait_json("presence", present=1)
        a.wait_json("presence", present=6)
    for ws in clients:
        ws.hang_up()


def test_a_stopping_bridge_closes_1001_over_its_drain_time():
    world = strict_world(DRAIN_MS=2000, CHAT_ANNOUNCE=0)
    try:
        def closed_evenly():
            """Each with its code. False when they came in few heaps: the bridge's fault, or that of
            a machine that stood still."""
            clients, closed = [world.plain() for _ in range(60)], []

            def wait(ws):
                code = ws.wait_close()
                closed.append((time.monotonic(), code))
            threads = [threading.Thread(target=wait, args=(ws,)) for ws in clients]
            for thread in threads:
                thread.start()
            world.stack.kill("ws", signal.SIGTERM)
            for thread in threads:
                thread.join()
            assert [code for _, code in closed] == [1001] * 60
            eventually(world.is_ready, "the next bridge")
            times = sorted(at for at, _ in closed)
            return 0.5 < times[-1] - times[0] < 2 and \
                max(b - a for a, b in zip(times, times[1:])) < 0.5
        eventually(closed_evenly, "all closed evenly over the drain time")
    finally:
        world.stack.end()
