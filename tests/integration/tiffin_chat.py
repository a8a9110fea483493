"""Worlds with a chat in them, and what several files of tests ask of it."""
import contextlib
import subprocess

import pytest

from tiffin_stack import BIN_DIR, DEADLINE_S, eventually
from tiffin_world import World
from tiffin_ws import JSON, Ws

PATH = "/ws/support-chat"
JOINED = "A new user has joined the mock chat."
LEFT = "A user has left the chat."


class ChatWorld(World):
    def plain(self, **how):
        """A client of the chat, that has heard of its own coming."""
        ws = Ws(self.stack.port, **how)
        assert ws.status == 101, ws.body
        return ws

    def json(self, after=None, **how):
        path = PATH if after is None else f"{PATH}?after={after}"
        ws = Ws(self.stack.port, path=path, protocol=JSON, **how)
        assert ws.status == 101, ws.body
        assert ws.headers["sec-websocket-protocol"] == JSON
        return ws

    def bridge(self, number=1):
        return self.stack.folder / "ws" / ("ws.sock" if number == 1 else f"ws-{number}.sock")

    def top(self):
        return int(self.store.redis.hget("count:{s00}", "chat_messages") or 0)

    def post(self, text, port_ws=None):
        with self.json() as ws:
            ws.json("presence")
            ws.say(text, user="poster")
            ws.wait_json("message", text=text)

    def is_ready(self, number=1):
        return is_ready(self.bridge(number))

    @contextlib.contextmanager
    def own_bridge(self, **settings):
        """One more bridge, with other settings and no supervisor. Yields its socket."""
        path = self.stack.folder / "ws" / "own.sock"
        folder = self.stack.folder / "log" / "own-ws"
        folder.mkdir(exist_ok=True)
        with open(folder / "current", "ab") as log:
            process = subprocess.Popen(
                [BIN_DIR / "tiffin-ws"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.stack.environment(WS_LISTEN=path, **settings))
        try:
            eventually(lambda: is_ready(path), "a bridge of our own")
            yield path
        finally:
            process.terminate()
            assert process.wait(DEADLINE_S) == 0


def is_ready(path):
    try:
        with Ws(path, path="/readyz") as ws:
            return ws.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def chat_world():
    """Two bridges, no rate limit, everything else as it comes."""
    world = ChatWorld(BRIDGES=2, CHAT_RATE=0, API_PROCESSES=1)
    try:
        world.start()
        eventually(lambda: world.is_ready(1) and world.is_ready(2), "the bridges")
        yield world
    finally:
        world.stack.end()


@pytest.fixture
def world(chat_world):
    """After each test both bridges are well, and nobody is left in the chat."""
    yield chat_world
    eventually(lambda: chat_world.is_ready(1) and chat_world.is_ready(2), "the bridges")
    eventually(lambda: present(chat_world) == 0, "an empty chat")


@pytest.fixture
def fresh_world():
    """A chat without a past: of nobody is still to be told that he came or went."""
    world = strict_world(CHAT_RATE=0, BRIDGES=2)
    try:
        eventually(lambda: world.is_ready(2), "the other bridge")
        yield world
    finally:
        world.stack.end()


def present(world):
    members = world.store.redis.zrange("chat:{s00}:present", 0, -1)
    return sum(int(member.rpartition("=")[2]) for member in members)


def strict_world(**settings):
    world = ChatWorld(API_PROCESSES=1, WORKERS=0, **settings)
    world.start()
    eventually(world.is_ready, "the bridge")
    return world


def history_of(ws):
    """All messages of the history frames, up to the last of them."""
    found = []
    while True:
        frame = ws.json("history")
        found += frame["messages"]
        if not frame["more"]:
            return found


def newest_of_join(world, number):
    with Ws(world.bridge(number), protocol=JSON) as ws:
        return max(ids(history_of(ws)), default=0)


def wait_both_have(world, id_):
    """Until both bridges have heard of this message: whoever comes then finds it in his history."""
    eventually(lambda: newest_of_join(world, 1) == newest_of_join(world, 2) == id_,
               "both bridges to have it")


def next_message(ws):
    """The next message. Comings and goings, of a test before too, are told at any moment."""
    while not (text := ws.text()).startswith("Message: "):
        pass
    return text


def ids(messages):
    return [message["id"] for message in messages]
