"""Redis did it, and the answer never came to the API; or did not come in time; or the connection broke
before. The customer gets one order, or a 503 whose key replays it."""
import concurrent.futures
import contextlib
import os
import subprocess
import uuid

import pytest

from chaos_bench import wait_until
from redis_proxy import FOREVER, HOLD, LOSE, REFUSE, SAY, SILENCE, Proxy
from tiffin_http import Client
from tiffin_stack import BIN_DIR, DEADLINE_S, Stack
from tiffin_store import CHAT_LOG, GOOD_LIFE, PAUSED, Store


class Shop:
    """A stack whose API reaches Redis through the proxy; its worker does not."""

    # From a silence to the end of a request there is time to ask again.
    def __init__(self, redis_timeout_ms=800, request_timeout_ms=3000):
        self.open = contextlib.ExitStack()
        self.stack = Stack(WORKERS=1, PAYMENT_MS=0, KITCHEN_MS=0, STAGE_MIN_MS=0, STAGE_MAX_MS=0,
                           BROADCAST_MS=0, API_PROCESSES=1, REDIS_TIMEOUT_MS=redis_timeout_ms,
                           REQUEST_TIMEOUT_MS=request_timeout_ms)
        self.open.callback(self.stack.end)
        self.stack.up()
        self.http, self.store = Client(self.stack.port), Store(self.stack)
        self.open.enter_context(self.stack.without("api"))
        self.proxy = self.open.enter_context(Proxy(self.stack.folder / "redis.sock"))
        self.open.enter_context(self._api())
        wait_until(self.http.answers, "the API behind the proxy")

    @contextlib.contextmanager
    def _api(self):
        run = self.stack.folder
        env = self.stack.environment(REDIS=self.proxy.socket, SECRETS_DIR=run / "secrets",
                                     API_LISTEN=f"{run}/api/%d.sock")
        with open(run / "log" / "api" / "current", "ab") as log:
            api = subprocess.Popen([BIN_DIR / "tiffin-api"], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=env, cwd=os.fspath(run))
        try:
            yield api
        finally:
            api.terminate()
            api.wait(DEADLINE_S)

    @contextlib.contextmanager
    def held_queue(self):
        self.store.redis.execute_command("FCALL", "pause", 1, PAUSED)
        try:
            yield
        finally:
            self.store.redis.execute_command("FCALL", "resume", 1, PAUSED)


@pytest.fixture(scope="module")
def the_shop():
    shop = Shop()
    try:
        yield shop
    finally:
        shop.open.close()


@pytest.fixture
def hasty_shop():
    """Its requests end long before a silent connection is given up."""
    shop = Shop(redis_timeout_ms=30000, request_timeout_ms=500)
    try:
        yield shop
    finally:
        shop.open.close()


@pytest.fixture
def shop(the_shop):
    wait_until(the_shop.http.answers, "the API")
    yield the_shop
    the_shop.proxy.calm()
    wait_until(the_shop.http.answers, "the API")
    the_shop.store.check_everything()


def update(shop, key):
    return shop.http.post("/new-update-and-broadcast", data={"message": "Soup"},
                          headers={"Idempotency-Key": key})


WRITES = {  # what is written, its function, what counts it, the answer
    "order": (lambda shop, key: shop.http.place(key=key), "place_orders", "placed", 201, "order_id"),
    "update": (update, "accept_update", "updates_accepted", 202, "update_id"),
}


@pytest.fixture(params=WRITES)
def write(request, shop):
    return WRITES[request.param]


@pytest.mark.parametrize("action", [LOSE, SILENCE, REFUSE])
def test_api_repeats_within_its_deadline(shop, write, action):
    """The same id is sent again: one order, and the customer notices nothing."""
    send, function, counter, status, id_ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    fault = shop.proxy.on(function, 1, action)
    answer = send(shop, key)
    fault.wait(0)
    assert answer.status == status, answer
    assert shop.store.count(counter) == before + 1
    again = send(shop, key)
    assert again.status == status and again.json[id_] == answer.json[id_]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert shop.store.count(counter) == before + 1


@pytest.mark.parametrize("action", [LOSE, SILENCE])
def test_api_that_never_hears_says_so(shop, write, action):
    """503, stored all the same; it says that the key is safe, and the key replays it."""
    send, function, counter, status, id_ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    fault = shop.proxy.on(function, 1, action, times=FOREVER)
    answer = send(shop, key)
    assert answer.status == 503 and answer.headers["Retry-After"], answer
    assert "Idempotency-Key is safe" in answer.json["detail"]
    assert fault.struck >= 1 and shop.store.count(counter) == before + 1
    fault.heal()
    wait_until(shop.http.answers, "the API")
    again = send(shop, key)
    assert again.status == status and again.headers["Idempotency-Replayed"] == "true"
    assert shop.store.count(counter) == before + 1
    if id_ == "order_id":
        shop.store.wait_settled([again.json[id_]])
        assert shop.store.history(again.json[id_]) == GOOD_LIFE


ERRORS = {"oom": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
          "busy": b"-BUSY Redis is busy running a script.\r\n",
          "misconf": b"-MISCONF Errors writing to the AOF file\r\n",
          "no-function": b"-ERR Function not found\r\n",
          "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
          "no-right": b"-NOPERM this user has no permissions\r\n",
          "nonsense": b"*1\r\n$3\r\nfoo\r\n", "no-array": b":1\r\n",
          "late": b"*1\r\n$4\r\nlate\r\n", "full": b"*1\r\n$4\r\nfull\r\n",
          "no-restaurant": b"*1\r\n$13\r\nno_restaurant\r\n",
          "no-item": b"*1\r\n$7\r\nno_item\r\n", "no-user": b"*1\r\n$7\r\nno_user\r\n"}
DENIALS = ("nothing was", "was not", "not stored", "not changed")


def check_denies_nothing(answer):
    assert answer.status in (500, 503), answer
    said = (answer.json["detail"] + answer.json["error"]).lower()
    assert not [denial for denial in DENIALS if denial in said], answer


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_after_a_lost_answer_denies_the_write(shop, write, error):
    """It was stored; whatever the repetition is told, the customer does not hear that it was not."""
    send, function, counter, status, id_ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    lost = shop.proxy.on(function, 1, LOSE)
    later = shop.proxy.on(function, 2, SAY, times=FOREVER, say=ERRORS[error])
    answer = send(shop, key)
    lost.wait(0)
    assert later.struck >= 1
    check_denies_nothing(answer)
    assert "Idempotency-Key is safe" in answer.json["detail"]
    assert shop.store.count(counter) == before + 1
    later.heal()
    wait_until(shop.http.answers, "the API")
    again = send(shop, key)
    assert again.status == status and again.headers["Idempotency-Replayed"] == "true"
    assert shop.store.count(counter) == before + 1


@pytest.mark.parametrize("error", ["oom", "busy", "misconf", "no-function", "loading"])
def test_an_error_that_passes_is_waited_for(shop, write, error):
    send, function, counter, status, _ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    shop.proxy.on(function, 1, LOSE)
    passing = shop.proxy.on(function, 2, SAY, say=ERRORS[error])
    answer = send(shop, key)
    assert passing.struck == 1
    assert answer.status == status and "Idempotency-Replayed" not in answer.headers
    assert shop.store.count(counter) == before + 1


@pytest.mark.parametrize("error", ["oom", "misconf", "no-function"])
def test_an_error_at_the_first_call_says_that_nothing_was_stored(shop, write, error):
    send, function, counter, _, _ = write
    before = shop.store.count(counter)
    shop.proxy.on(function, 1, SAY, say=ERRORS[error])
    answer = send(shop, uuid.uuid4().hex)
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert "Nothing was stored" in answer.json["detail"]
    assert shop.store.count(counter) == before


def test_an_update_is_gone_before_it_is_asked_for_again(shop):
    """Without a key, too, it is broadcast once."""
    before, heard = shop.store.count("updates_accepted"), shop.store.redis.xlen(CHAT_LOG)
    lost, again = (shop.proxy.on("accept_update", 1, LOSE), shop.proxy.on("accept_update", 2, HOLD))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(shop.http.post, "/new-update-and-broadcast", data={"message": "Soup"})
        lost.wait()
        again.wait()
        wait_until(lambda: shop.store.redis.xlen(CHAT_LOG) == heard + 1, "the broadcast")
        again.release()
        answer = answer.result()
    assert answer.status == 202 and "Idempotency-Replayed" not in answer.headers, answer
    assert shop.store.count("updates_accepted") == before + 1


def test_a_deadline_while_a_call_is_under_way_denies_nothing(hasty_shop):
    """The request ends before its call is given up; it was executed."""
    for write, (send, function, counter, _, _) in WRITES.items():
        before = hasty_shop.store.count(counter)
        fault = hasty_shop.proxy.on(function, 1, SILENCE)
        answer = send(hasty_shop, uuid.uuid4().hex)
        fault.wait(0)
        check_denies_nothing(answer)
        assert "unknown" in answer.json["detail"] and hasty_shop.store.count(counter) == before + 1
        hasty_shop.proxy.break_all()
        wait_until(hasty_shop.http.answers, "the API")


def test_api_whose_calls_never_leave_stores_nothing(shop, write):
    send, function, counter, status, _ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    fault = shop.proxy.on(function, 1, REFUSE, times=FOREVER)
    answer = send(shop, key)
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert shop.store.count(counter) == before
    fault.heal()
    wait_until(shop.http.answers, "the API")
    assert send(shop, key).status == status
    assert shop.store.count(counter) == before + 1


def test_a_write_that_arrives_after_its_503_stores_nothing(shop, write):
    send, function, counter, status, _ = write
    before, key = shop.store.count(counter), uuid.uuid4().hex
    fault = shop.proxy.on(function, 1, HOLD, times=FOREVER)
    answer = send(shop, key)
    assert answer.status == 503, answer
    n_held = fault.struck
    assert n_held >= 1
    fault.heal()
    fault.release()
    wait_until(shop.http.answers, "the API")
    wait_until(lambda: len(fault.answers) >= n_held, "their arrival at Redis")
    assert all(b"late" in answer for answer in fault.answers)
    assert shop.store.count(counter) == before
    assert send(shop, key).status == status
    assert shop.store.count(counter) == before + 1


def test_many_at_once_whose_answers_are_lost(shop):
    """Forty customers, a broken connection every few orders; each has one order in the end."""
    before, keys = shop.store.count("placed"), [uuid.uuid4().hex for _ in range(40)]
    for k in range(1, 60, 4):
        shop.proxy.on("place_orders", k, LOSE)

    def order(key):
        while (answer := shop.http.place(key=key)).status != 201:
            assert answer.status == 503, answer
        return answer.json["order_id"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(order, keys))
    assert len(ids) == len(keys) and shop.store.count("placed") == before + len(keys)
    shop.store.wait_settled(ids)
    assert all(shop.store.history(id_) == GOOD_LIFE for id_ in ids)


@pytest.mark.parametrize("call, action", [("cancel", LOSE), ("cancel", SILENCE),
                                          ("cancel", REFUSE), ("HGETALL", LOSE)])
def test_cancel_whose_answer_is_lost(shop, call, action):
    """200, or a 503 that promises nothing; asked again: 200, and cancelled once."""
    with shop.held_queue():
        id_ = shop.http.place().json["order_id"]
        fault = shop.proxy.on(call, 1, action)
        answer = shop.http.post(f"/order/{id_}/cancel")
        fault.wait(0)
        was_cancelled = shop.store.order(id_)["status"] == "cancelled"
        assert was_cancelled == (action != REFUSE or answer.status == 200)
        if answer.status != 200:
            assert answer.status == 503, answer
            check_denies_nothing(answer)
            assert "cancel it again is safe" in answer.json["detail"]
        wait_until(shop.http.answers, "the API")
        again = shop.http.post(f"/order/{id_}/cancel")
        assert again.status == 200 and again.json["status"] == "cancelled"
    shop.store.wait_settled([id_])
    assert [line[1] for line in shop.store.history(id_)] == ["pending", "pending", "not_charged"]


@pytest.mark.parametrize("call", ["cancel", "HGETALL"])
@pytest.mark.parametrize("error", ["busy", "misconf", "no-right", "nonsense", "no-array"])
def test_a_cancel_that_goes_wrong_denies_nothing(shop, call, error):
    with shop.held_queue():
        id_ = shop.http.place().json["order_id"]
        shop.proxy.on(call, 1, SAY, say=ERRORS[error])
        answer = shop.http.post(f"/order/{id_}/cancel")
        check_denies_nothing(answer)
        assert "cancel it again is safe" in answer.json["detail"]
        wait_until(shop.http.answers, "the API")
        assert shop.http.post(f"/order/{id_}/cancel").status == 200
    shop.store.wait_settled([id_])
