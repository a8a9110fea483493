"""The API's write path, killed at each call that a request makes to Redis: a stack with one API
process of the crash build, and a client that repeats what was not answered, under the same key."""
import collections
import contextlib
import http.client
import pathlib
import re
import shutil
import tempfile
import threading
import uuid

from chaos_bench import CRASH_BIN_DIR, wait_until
from tiffin_http import Client
from tiffin_stack import Stack
from tiffin_store import CHAT_LOG, GOOD_LIFE, PAUSED, Store

BACKGROUND = ("after INFO",)  # all that the API does by itself is done once a second
UNANSWERED = (502, 503, 504)


def place(http_, _, key):
    return http_.place(key=key)


def update(http_, _, key):
    return http_.post("/new-update-and-broadcast", data={"message": "Soup of " + key},
                      headers={"Idempotency-Key": key})


def cancel(http_, id_, _):
    return http_.post(f"/order/{id_}/cancel")


REQUESTS = {"api-place": place, "api-update": update, "api-cancel": cancel}


class ApiBench:
    """Its worker is an ordinary one, for what comes after. One run at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfc-"))
        self.folder.chmod(0o777)  # the API writes there, as whoever it runs
        self.crash = self.folder / "crash"
        self.passed_from = 0  # this line of crash.seen is the first of the present process
        self.stack = Stack(BIN_DIR=CRASH_BIN_DIR, CRASH_FILE=self.crash, API_PROCESSES=1, WORKERS=0,
                           PAYMENT_MS=0, KITCHEN_MS=0, STAGE_MIN_MS=0, STAGE_MAX_MS=0,
                           BROADCAST_MS=0)
        self.open = contextlib.ExitStack()
        self.open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.open.callback(self.stack.end)
        self.stack.up()
        self.http, self.store = Client(self.stack.port), Store(self.stack)
        self.open.enter_context(self.stack.own_worker())

    def end(self):
        self.open.close()

    def passed(self):
        """Points in the order in which the present process passed them."""
        return (self.folder / "crash.seen").read_text().splitlines()[self.passed_from:]

    def background(self):
        """The calls that the API makes without being asked."""
        before = len(self.passed())

        def thrice():
            passed = self.passed()[before:]
            return min(map(passed.count, BACKGROUND)) >= 3 and passed
        return set(wait_until(thrice, "three rounds of what it does by itself"))

    def points(self, name, background):
        """-> {"<phase> <call>": how often a request passes it}"""
        with self.held_queue():
            id_ = self.http.place().json["order_id"]
            before = len(self.passed())
            answer = REQUESTS[name](self.http, id_, uuid.uuid4().hex)
            assert answer.status in (200, 201, 202), answer
        return collections.Counter(point for point in self.passed()[before:]
                                   if point not in background)

    @contextlib.contextmanager
    def held_queue(self):
        fcall = self.store.redis.execute_command
        fcall("FCALL", "pause", 1, PAUSED)
        try:
            yield
        finally:
            fcall("FCALL", "resume", 1, PAUSED)

    def run(self, name, point):
        """One request; the process dies at its k-th pass of the point. Repeated until answered."""
        with self.lock:
            self._run(REQUESTS[name], name, *re.fullmatch(r"(\w+ \w+) (\d+)", point).groups())

    def _run(self, request, name, point, k):
        key, store = uuid.uuid4().hex, self.store
        with self.held_queue():
            id_ = self.http.place().json["order_id"]
            child, before = self.stack.children("api"), store.redis.hgetall("count:{s00}")
            n = self.passed().count(point) + int(k)
            self.crash.write_text(f"{point} {n}\n")
            answer, is_repeated = None, False
            while answer is None or answer.status in UNANSWERED:
                is_repeated = answer is not None
                try:
                    answer = request(self.http, id_, key)
                except (OSError, http.client.HTTPException):
                    continue
            assert is_repeated, "the first request must have met its end"
            assert not self.crash.exists(), "the point was not reached"
            wait_until(lambda: self.stack.children("api") not in (child, []), "another process")
            self._forget_the_dead(point, n)
        self._check(name, id_, key, answer, {name: int(n) for name, n in before.items()})

    def _forget_the_dead(self, point, n):
        lines = self.passed()
        at = [i for i, line in enumerate(lines) if line == point][n - 1]
        self.passed_from += at + 1

    def _check(self, name, id_, key, answer, before):
        store, ids = self.store, [id_]
        if name == "api-place":
            assert answer.status == 201 and answer.json["order_id"] != id_
            ids.append(answer.json["order_id"])
        assert store.count("placed") == before["placed"] + (name == "api-place")
        store.wait_settled(ids)
        if name == "api-update":
            assert answer.status == 202
            text = "Soup of " + key
            wait_until(lambda: self._broadcast(text), "the broadcast")
            assert self._broadcast(text) == ["update"]
            assert store.count("updates_accepted") == before.get("updates_accepted", 0) + 1
        if name == "api-cancel":
            assert answer.status == 200 and answer.json["status"] == "cancelled"
            assert [line[:2] for line in store.history(id_)] == [
                ("order_placed", "pending"), ("cancelled", "pending"),
                ("cancelled", "not_charged")]
        else:
            assert all(store.history(each) == GOOD_LIFE for each in ids)
        store.check_everything()

    def _broadcast(self, text):
        return [fields["type"] for _, fields in self.store.redis.xrange(CHAT_LOG)
                if text in fields["text"]]
