"""chat.py: the support chat under load, through nginx; every delivery is checked by chatload.

    make bench-chat            BENCH_CHAT_PARTS="fast limit many kills" (all)

fast    1,000 clients, 64 byte messages, a little over 500,000 deliveries a second
limit   the same, more than one machine can do: what does it reach?
many    8,000 clients, 10 messages a second; the bridge's memory for an idle client
kills   two bridges, one of them killed (kill -9) every few seconds, clients that come back with
        ?after=<their last id> and say again, under the same key, what was not accepted: 100,000
        messages, each stored once, and seen once and in order by everybody

One machine does all of it, load generator included. Exits 1 when a message or a delivery was lost,
repeated or out of order.
"""
import os
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from tiffin_stack import BIN_DIR, Stack, eventually, rss_kb  # noqa: E402

TOOL = BIN_DIR.parent / "bench" / "chatload"
PARTS = os.environ.get("BENCH_CHAT_PARTS", "fast limit many kills").split()
IDLE = 8000
KILL_EVERY_S = (4, 8)
# One client opens all the connections, and may say as much as it likes.
SETTINGS = {"RATE": 0, "STREAMS_PER_CLIENT": 20000, "CHAT_RATE": 0, "CHAT_ANNOUNCE": 0}


def start(stack, *options):
    return subprocess.Popen([TOOL, "--port", str(stack.port), *map(str, options)],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(tool):
    print(tool.communicate()[0], end="", flush=True)
    return tool.returncode


def fast(stack):
    print("## 1,000 clients, 520 messages a second")
    return finish(start(stack, "--clients", 1000, "--rate", 520, "--seconds", 20))


def limit(stack):
    print("## 1,000 clients, 4,000 messages a second")
    return finish(start(stack, "--clients", 1000, "--rate", 4000, "--seconds", 15))


def many(stack):
    print(f"## {IDLE} clients, 10 messages a second")
    opened, pid = stack.folder / "opened", stack.pid("ws")
    before = rss_kb(pid)
    tool = start(stack, "--clients", IDLE, "--rate", 10, "--seconds", 20, "--opened", opened)
    eventually(opened.exists, "all clients open", timeout=60)
    print(f"bridge: {(rss_kb(pid) - before) / IDLE:.2f} KB of memory an idle client")
    return finish(tool)


def kills(stack):
    print("## two bridges, 50 clients, 500 messages a second, kill -9 of either")
    dice, count = random.Random(1), 0
    tool = start(stack, "--clients", 50, "--rate", 500, "--seconds", 205, "--resume")
    while True:
        try:
            tool.wait(timeout=dice.uniform(*KILL_EVERY_S))
            break
        except subprocess.TimeoutExpired:
            stack.kill(dice.choice(["ws", "ws-2"]))
            count += 1
    print(f"bridges killed: {count}")
    return finish(tool)


def main():
    failed = 0
    for part in PARTS:
        stack = Stack(**SETTINGS, BRIDGES=2 if part == "kills" else 1)
        try:
            stack.up()
            failed |= globals()[part](stack)
        finally:
            stack.end()
    return failed


if __name__ == "__main__":
    sys.exit(main())
