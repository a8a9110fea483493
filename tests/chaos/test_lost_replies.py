"""Redis did it, and the answer never came; or did not come in time; or the connection broke before.
The same worker goes on by itself, with no restart and no second charge; a customer of the API gets
one order, or a 503 whose key replays it."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import time
import uuid

import pytest

import functions_client as fc
from chaos_bench import figures, shared_benches, wait_until
from redis_proxy import FOREVER, HOLD, LOSE, REFUSE, SAY, SILENCE, Proxy
from tiffin_http import Client
from tiffin_stack import BIN_DIR, DEADLINE_S, Stack
from tiffin_store import CHAT_LOG, GOOD_LIFE, PAUSED, Store

# How long the worker believes in a silent connection: where it is not silenced, too long for a machine
# that stands still to be taken for silence.
SILENCE_MS, REDIS_TIMEOUT_MS = 1000, 10000
ADOPTED, REAPED = "jobs_adopted_total", "jobs_reaped_total"


# ---- between worker and Redis -------------------------------------------------------------------

def start(bench, proxy, **settings):
    is_silenced = any(fault.action == SILENCE for fault in proxy.faults)
    timeout_ms = SILENCE_MS if is_silenced else REDIS_TIMEOUT_MS
    return bench.worker({"REDIS_TIMEOUT_MS": timeout_ms, **settings},
                        redis_socket=proxy.socket, bin_dir=BIN_DIR)


def check_unharmed(bench, worker, adopted):
    """The process is the same; what it says of itself, once a second, is what happened."""
    def told():
        found = figures(bench.admin, worker.pid)
        return found.get(ADOPTED) in adopted and found
    assert worker.poll() is None, bench.log()
    found = wait_until(told, f"{adopted} adopted")
    assert found[REAPED] == 0, "nobody was dead"
    assert bench.admin.scard(fc.WORKERS) == 1
    bench.check()


def one_order(bench, proxy, action, call, k, adopted, **settings):
    """The answer to the k-th such call of an order's life is lost."""
    (id_,) = bench.place()
    fault = proxy.on(call, k, action)
    worker = start(bench, proxy, **settings)
    fault.wait()
    wait_until(lambda: bench.are_over([id_]), f"delivery: {bench.order(id_)}\n{bench.log()}")
    assert bench.history(id_) == GOOD_LIFE
    assert bench.ledger(id_)["captures"] == 1
    if call == "gateway_charge":
        assert bench.ledger(id_)["requests"] == (1 if action == REFUSE else 2)
    check_unharmed(bench, worker, adopted)


def one_update(bench, proxy, action, adopted):
    """It is published once, whatever the worker heard of it."""
    id_ = fc.new_id("update")
    assert bench.people.accept_update(id_, "Soup")[0] == "accepted"
    fault = proxy.on("publish_update", 1, action)
    worker = start(bench, proxy)
    fault.wait()
    wait_until(lambda: bench.are_over([id_]), "the broadcast")
    assert bench.admin.xlen(CHAT_LOG) == 1
    check_unharmed(bench, worker, adopted)


def one_failure(bench, proxy, action, adopted):
    """The try is counted once, or not at all."""
    (id_,) = bench.place()
    fault, intent = proxy.on("fail", 1, action), proxy.on("intent", 1, HOLD)
    worker = start(bench, proxy, PAYMENT_ERROR_PCT=100)
    intent.wait()
    assert bench.people.pause() == ["paused"]  # the retry would come while we look
    intent.release()
    fault.wait()
    wait_until(lambda: bench.admin.zscore(fc.DELAYED, id_), "the retry to come")
    assert bench.order(id_)["tries"] == "1"
    wait_until(lambda: figures(bench.admin, worker.pid).get(ADOPTED) in adopted, "adoption")
    assert worker.poll() is None


def one_refund(bench, proxy, action, adopted):
    """Asked again, paid back once."""
    (id_,) = bench.place()
    fault, charge = proxy.on("gateway_refund", 1, action), proxy.on("gateway_charge", 1, HOLD)
    worker = start(bench, proxy)
    charge.wait()
    assert bench.people.cancel(id_) == ["cancelled"]
    charge.release()
    fault.wait()
    wait_until(lambda: bench.are_over([id_]), "the refund")
    assert bench.order(id_)["payment_status"] == "refunded"
    assert (bench.ledger(id_)["captures"], bench.ledger(id_)["refunds"]) == (1, 1)
    check_unharmed(bench, worker, adopted)


def one_batch(bench, proxy, action, adopted):
    """A claim of 150 whose answer is lost."""
    ids = bench.place(150)
    fault = proxy.on("take", 1, action)
    worker = start(bench, proxy)
    fault.wait()
    wait_until(lambda: bench.are_over(ids), "150 deliveries")
    assert all(bench.history(id_) == GOOD_LIFE for id_ in ids)
    check_unharmed(bench, worker, adopted)


def one_farewell(bench, proxy, action):
    """It asks again to leave, and goes with nothing in its list."""
    ids = bench.place(3)
    fault = proxy.on("leave", 1, action)
    worker = start(bench, proxy, PAYMENT_MS=20000, DRAIN_MS=0)
    for id_ in ids:
        wait_until(lambda: "payment_key" in bench.order(id_), "the intent")
    worker.terminate()
    fault.wait()
    assert worker.wait(DEADLINE_S) == 0
    assert set(bench.admin.lrange(fc.READY, 0, -1)) == set(ids)
    assert not any("crashes" in bench.order(id_) for id_ in ids), "leaving is no crash"
    bench.check()


def one_late_comer(bench, proxy, ttl_s=10, late_s=3):
    """Redis stands still until every heartbeat has run out. One worker is back at once, the other a
    little later, and is not taken for dead meanwhile."""
    settings = {"WORKER_TTL_MS": ttl_s * 1000, "PAYMENT_MS": 1000, "REDIS_TIMEOUT_MS": SILENCE_MS}
    late = start(bench, proxy, **settings)
    ids = bench.place(3)
    for id_ in ids:
        wait_until(lambda: "payment_key" in bench.order(id_), "the intent")
    early = bench.worker(settings, bin_dir=BIN_DIR)
    wait_until(lambda: bench.admin.scard(fc.WORKERS) == 2, "both workers")
    server = bench.server.process
    server.send_signal(signal.SIGSTOP)
    try:
        time.sleep(ttl_s)
        proxy.shut()
        time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGCONT)

    def reaped():
        return wait_until(lambda: figures(bench.admin, early.pid), "the early one")[REAPED]
    assert reaped() == 0
    time.sleep(late_s)  # the reaper looks round every second
    assert reaped() == 0
    proxy.reopen()
    wait_until(lambda: bench.are_over(ids), "delivery")
    assert all(bench.history(id_) == GOOD_LIFE for id_ in ids)
    assert reaped() == 0
    assert late.poll() is None and bench.admin.scard(fc.WORKERS) == 2
    bench.check()


# call, k, adopted when the answer is lost, adopted when Redis never saw the call
CALLS = [("beat", 1, 0, 0), ("LRANGE", 1, 0, 0), ("take", 1, 1, 0), ("begin", 1, 1, 1),
         ("intent", 1, 1, 1),
         ("gateway_charge", 1, 0, 0),  # asked again after a pause, under the same key
         *[("step", k, 1, 1) for k in range(1, 6)],
         ("step", 6, 0, 1)]  # settled, so nobody's
# The same with a wait before each stage: a job that is among the delayed is nobody's either. (But
# on a silent connection the worker may claim it before it gives that connection up.)
STAGES_APART = {"STAGE_MIN_MS": 30, "STAGE_MAX_MS": 30}
CALLS_APART = [("step", 2, 0, 1), ("take", 3, 1, 0), ("step", 4, 0, 1)]


def all_runs():
    """{name: (function, its arguments, settings)}; adopted: each number that is right."""
    runs = {}
    for action in (LOSE, SILENCE, REFUSE):
        is_refused = action == REFUSE
        for call, k, lost, refused in CALLS:
            adopted = (refused if is_refused else lost,)
            runs[f"{call}-{k}-{action}"] = one_order, (action, call, k, adopted), {}
        for call, k, lost, refused in CALLS_APART:
            adopted = (refused,) if is_refused else (0, 1) if action == SILENCE else (lost,)
            runs[f"apart-{call}-{k}-{action}"] = (one_order, (action, call, k, adopted),
                                                  STAGES_APART)
        runs[f"update-{action}"] = one_update, (action, (int(is_refused),)), {}
        runs[f"fail-{action}"] = one_failure, (action, (int(is_refused),)), {}
        runs[f"refund-{action}"] = one_refund, (action, (0,)), {}
        runs[f"batch-{action}"] = one_batch, (action, (0 if is_refused else 150,)), {}
    runs["late-comer"] = one_late_comer, (), {}
    runs["leave-lose"] = one_farewell, (LOSE,), {}
    runs["leave-refuse"] = one_farewell, (REFUSE,), {}
    return runs


RUNS = all_runs()


def run_one(bench, name):
    function, args, settings = RUNS[name]
    bench.clear()
    with Proxy(bench.server.socket) as proxy:
        try:
            function(bench, proxy, *args, **settings)
        finally:
            bench.kill_all()


@pytest.fixture(scope="module")
def outcomes(request):
    """{name: future} of the selected runs, all begun at once: they mostly wait."""
    chosen = [item.callspec.params["name"] for item in request.session.items
              if item.name.startswith("test_worker[")]
    return {name: shared_benches(request.config).submit(run_one, name) for name in chosen}


@pytest.mark.parametrize("name", RUNS)
def test_worker(outcomes, name):
    outcomes[name].result()


# ---- between API and Redis -----------------------------------------------------------------------

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
    "order": (lambda shop, key: shop.http.place(key=key), "place", "placed", 201, "order_id"),
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
        shop.proxy.on("place", k, LOSE)

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
