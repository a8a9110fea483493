"""streams.py: many event streams at once through nginx, each seeing its whole order.

    make bench-streams            BENCH_STREAMS=10000 BENCH_VIEWERS=5000

Prints, for a private stack with short waits: what was lost, repeated or late; memory a stream; what
the open streams cost other requests; and the live monitor with many viewers. One machine does all
of it, load generator included.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from tiffin_stack import BIN_DIR, Stack, eventually, rss_kb  # noqa: E402

STREAMS = int(os.environ.get("BENCH_STREAMS", "10000"))
VIEWERS = int(os.environ.get("BENCH_VIEWERS", "5000"))
VIEW_SECONDS = 15
TOOL = BIN_DIR.parent / "bench" / "streamload"
SETTINGS = {"PAYMENT_MS": 200, "KITCHEN_MS": 100, "STAGE_MIN_MS": 1000, "STAGE_MAX_MS": 4000,
            "WORKER_CONCURRENCY": 2000, "WORKER_TTL_MS": 10000}


def place(port, count):
    """Places orders over one connection. -> their stream paths"""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    paths = []
    for _ in range(count):
        connection.request("POST", "/order?restaurant_id=resto_123&item=Curry")
        order = json.loads(connection.getresponse().read())
        paths.append(f"/order/{order['order_id']}/live-status")
    return paths


def place_all(port, count, clients=8):
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        parts = pool.map(lambda _: place(port, count // clients), range(clients))
        return [path for part in parts for path in part]


def ctl(stack, *args):
    subprocess.run([BIN_DIR / "tiffin-ctl", *args], env=stack.environment(), check=True,
                   stdout=subprocess.DEVNULL)


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rest_p99_ms(port):
    """p99 of GET /restaurants (9 reads of Redis) from 8 connections, in ms."""
    out = subprocess.run(["wrk", "-t1", "-c8", "-d5s", "--latency",
                          f"http://127.0.0.1:{port}/restaurants"], capture_output=True,
                         text=True, check=True).stdout
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def start(stack, paths, *options):
    tool = subprocess.Popen([TOOL, "--port", str(stack.port), *map(str, options)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    tool.stdin.write("\n".join(paths) + "\n")
    tool.stdin.close()
    return tool


def orders(stack):
    print(f"## {STREAMS} orders, a stream each")
    api = stack.children("api")
    opened = stack.folder / "opened"
    ctl(stack, "pause")
    paths = place_all(stack.port, STREAMS)
    alone_ms, alone_kb = rest_p99_ms(stack.port), rss_kb(*api)
    tool = start(stack, paths, "--opened", opened)
    eventually(opened.exists, "all streams open")
    with_ms = rest_p99_ms(stack.port)
    each_kb = (rss_kb(*api) - alone_kb) / len(paths)
    print(f"API memory {each_kb:.1f} KB a stream; GET /restaurants p99 {alone_ms:.1f} ms alone, "
          f"{with_ms:.1f} ms with the streams open: {with_ms / alone_ms:.2f}")
    ctl(stack, "resume")
    print(tool.stdout.read(), end="")
    return tool.wait()


def viewers(stack):
    print(f"## {VIEWERS} viewers of /live-monitor for {VIEW_SECONDS} s")
    api = stack.children("api")
    opened = stack.folder / "viewing"
    tool = start(stack, ["/live-monitor"], "--repeat", VIEWERS, "--ticks", "--opened", opened,
                 "--seconds", VIEW_SECONDS)
    eventually(opened.exists, "all viewers")
    began, cpu = time.monotonic(), cpu_seconds(api)
    time.sleep(VIEW_SECONDS / 2)
    share = (cpu_seconds(api) - cpu) / (time.monotonic() - began)
    print(f"CPU of the API: {100 * share:.0f} % of one core")
    print(tool.stdout.read(), end="")
    return tool.wait()


def main():
    stack = Stack(**SETTINGS)
    try:
        stack.up()
        return orders(stack) | viewers(stack)
    finally:
        stack.end()


if __name__ == "__main__":
    sys.exit(main())
