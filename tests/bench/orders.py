"""orders.py: a steady stream of orders, and how fast one worker is.

    make bench-orders             BENCH_RATE=200 BENCH_SECONDS=15 BENCH_ORDERS=5000

First with the default waits: BENCH_RATE orders a second, each at its own moment, whether or not the
one before is answered; the latency is from that moment, so that a stall is not hidden (G. Tene's
"coordinated omission"). Then with no waits at all: BENCH_ORDERS in the queue, one worker, how many
durable steps a second.
"""
import concurrent.futures
import http.client
import os
import threading
import time

from streams import ctl, place_all
from tiffin_stack import Stack, eventually
from tiffin_store import Store

RATE = int(os.environ.get("BENCH_RATE", "200"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "15"))
ORDERS = int(os.environ.get("BENCH_ORDERS", "5000"))
STEPS = 6  # of one order: payment, kitchen, four stages
DEFAULT_WAITS = {"PAYMENT_MS": 2000, "KITCHEN_MS": 1000, "STAGE_MIN_MS": 2000,
                 "STAGE_MAX_MS": 4000, "WORKER_TTL_MS": 10000}
NO_WAITS = {"PAYMENT_MS": 0, "KITCHEN_MS": 0, "STAGE_MIN_MS": 0, "STAGE_MAX_MS": 0,
            "WORKER_TTL_MS": 10000}


def steady(stack):
    here = threading.local()

    def place(due):
        if not hasattr(here, "connection"):
            here.connection = http.client.HTTPConnection("127.0.0.1", stack.port)
        time.sleep(max(0, due - time.monotonic()))
        here.connection.request("POST", "/order?restaurant_id=resto_123&item=Curry")
        response = here.connection.getresponse()
        response.read()
        return response.status, 1000 * (time.monotonic() - due)

    begin = time.monotonic() + 0.5
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(place, [begin + i / RATE for i in range(RATE * SECONDS)]))
    times = sorted(ms for _, ms in answers)
    print(f"{len(times)} orders at {RATE} a second: p50 {times[len(times) // 2]:.1f} ms, "
          f"p99 {times[len(times) * 99 // 100]:.1f} ms, max {times[-1]:.1f} ms, "
          f"not 201: {sum(status != 201 for status, _ in answers)}")


def worker_speed(stack):
    store = Store(stack)
    ctl(stack, "pause")
    place_all(stack.port, ORDERS)
    begin = time.monotonic()
    ctl(stack, "resume")
    eventually(lambda: store.count("settled") >= ORDERS, "all settled")
    seconds = time.monotonic() - begin
    print(f"one worker, no waits: {ORDERS} orders in {seconds:.2f} s, "
          f"{STEPS * ORDERS / seconds:.0f} durable steps a second")


def main():
    for settings, measure in ((DEFAULT_WAITS, steady), (NO_WAITS, worker_speed)):
        stack = Stack(**settings)
        try:
            measure(stack.up())
        finally:
            stack.end()


if __name__ == "__main__":
    main()
