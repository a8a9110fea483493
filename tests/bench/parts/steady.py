"""A steady stream of orders with the default waits: each is sent at its own moment, whether or not the
one before is answered, and its latency counts from that moment, so that a stall is not hidden (G. Tene's
"coordinated omission")."""
import concurrent.futures
import http.client
import threading
import time

from figures import Figure, quantile
from harness import stack
from http_load import ORDER

TITLE = "A steady stream of orders, default waits"
DEFAULT_WAITS = {"PAYMENT_MS": 2000, "KITCHEN_MS": 1000, "STAGE_MIN_MS": 2000,
                 "STAGE_MAX_MS": 4000, "WORKER_TTL_MS": 10000}


def post_at_moments(port, rate, seconds):
    """-> [(status, ms from its moment to its answer)]"""
    here = threading.local()

    def place(due):
        if not hasattr(here, "connection"):
            here.connection = http.client.HTTPConnection("127.0.0.1", port)
        time.sleep(max(0, due - time.monotonic()))
        here.connection.request("POST", ORDER)
        response = here.connection.getresponse()
        response.read()
        return response.status, 1000 * (time.monotonic() - due)

    begin = time.monotonic() + 0.5
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(place, [begin + i / rate for i in range(rate * seconds)]))


def measure(run):
    rate, seconds = run.pick(200, 200, "RATE"), run.pick(15, 5, "SECONDS")
    with stack(**DEFAULT_WAITS) as tiffin:
        answers = [post_at_moments(tiffin.port, rate, seconds) for _ in range(run.pick(3, 1))]
    refused = sum(status != 201 for round_ in answers for status, _ in round_)
    if refused:
        run.fail(f"{refused} orders were not answered with 201")
    for name, q in (("p50", 0.5), ("p99", 0.99), ("longest", 1)):
        yield Figure(f"POST /order, {rate} a second: {name}", "ms",
                     [quantile([ms for _, ms in round_], q) for round_ in answers], better="lower")
