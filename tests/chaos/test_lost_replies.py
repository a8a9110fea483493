"""Redis did it, and the answer never came to the worker; or did not come in time; or the connection broke
before. The same worker goes on by itself, with no restart and no second charge."""
import signal
import time

import pytest

import functions_client as fc
from chaos_bench import shared_benches, wait_until
from redis_proxy import HOLD, LOSE, REFUSE, SILENCE, Proxy
from tiffin_stack import BIN_DIR, DEADLINE_S
from tiffin_store import CHAT_LOG, GOOD_LIFE, figures

# How long the worker believes in a silent connection: where it is not silenced, too long for a machine
# that stands still to be taken for silence.
SILENCE_MS, REDIS_TIMEOUT_MS = 1000, 10000
ADOPTED, REAPED = "jobs_adopted_total", "jobs_reaped_total"


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
    """The answer to the k-th such call of an order's life is lost. adopted None: if it held the job."""
    (id_,) = bench.place()
    fault = proxy.on(call, k, action)
    worker = start(bench, proxy, **settings)
    fault.wait()
    wait_until(lambda: bench.are_over([id_]), f"delivery: {bench.order(id_)}\n{bench.log()}")
    assert bench.history(id_) == GOOD_LIFE
    assert bench.ledger(id_)["captures"] == 1
    if call == "gateway_charge":
        assert bench.ledger(id_)["requests"] == (1 if action == REFUSE else 2)
    if adopted is None:
        adopted = (int(id_.encode() in fault.answers[0]),)
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
    fault, begin = proxy.on("fail", 1, action), proxy.on("begin_jobs", 1, HOLD)
    worker = start(bench, proxy, PAYMENT_ERROR_PCT=100)
    begin.wait()
    assert bench.people.pause() == ["paused"]  # the retry would come while we look
    begin.release()
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
    fault = proxy.on("claim", 1, action)
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
CALLS = [("beat", 1, 0, 0), ("active", 1, 0, 0), ("claim", 1, 1, 0), ("begin_jobs", 1, 1, 1),
         ("gateway_charge", 1, 0, 0),  # asked again after a pause, under the same key
         *[("step_jobs", k, 1, 1) for k in range(1, 6)],
         ("step_jobs", 6, 0, 1)]  # settled, so nobody's
# The same with a wait before each stage: a job that is among the delayed is nobody's either. (But
# on a silent connection the worker may claim it before it gives that connection up. And one that asks
# a moment too early is given nothing: of a later claim its answer says whether it had the job.)
STAGES_APART = {"STAGE_MIN_MS": 30, "STAGE_MAX_MS": 30}
CALLS_APART = [("step_jobs", 2, 0, 1), ("claim", 3, 1, 0), ("step_jobs", 4, 0, 1)]


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
            if call == "claim" and action == LOSE:
                adopted = None
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
