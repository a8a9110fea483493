"""The support chat under load, through nginx; every delivery is checked by chatload.

fast    1,000 clients, a little over 500,000 deliveries a second
limit   the same, more than one machine can do: what does it reach?
many    8,000 clients, 10 messages a second
kills   two bridges, one of them killed (kill -9) every few seconds, clients that come back with
        ?after=<their last id> and say again, under the same key, what was not accepted: each message is
        stored once, and seen once and in order by all

BENCH_CHAT_PARTS="fast kills" chooses.
"""
import os
import random
import re
import subprocess

from figures import Figure
from harness import stack, tool

TITLE = "Support chat"
KILL_EVERY_S = (4, 8)
PARTS = ("fast", "limit", "many", "kills")


def measure(run):
    for name in os.environ.get("BENCH_CHAT_PARTS", " ".join(PARTS[:1] if run.quick else PARTS)).split():
        with stack(BRIDGES=2 if name == "kills" else 1) as tiffin:
            yield from globals()[name](run, tiffin)


def fast(run, tiffin):
    clients, seconds = run.pick(1000, 500), run.pick(20, 3)
    return figures(run, f"{clients:,} clients, 520 messages/s", start(
        tiffin.port, "--clients", clients, "--rate", 520, "--seconds", seconds))


def limit(run, tiffin):
    return figures(run, "1,000 clients, 4,000 messages/s", start(
        tiffin.port, "--clients", 1000, "--rate", 4000, "--seconds", 15))


def many(run, tiffin):
    return figures(run, "8,000 clients, 10 messages/s", start(
        tiffin.port, "--clients", 8000, "--rate", 10, "--seconds", 20))


def kills(run, tiffin):
    dice, count = random.Random(1), 0
    running = start(tiffin.port, "--clients", 50, "--rate", 500, "--seconds", 205, "--resume")
    while True:
        try:
            running.wait(timeout=dice.uniform(*KILL_EVERY_S))
            break
        except subprocess.TimeoutExpired:
            tiffin.kill(dice.choice(["ws", "ws-2"]))
            count += 1
    return figures(run, f"50 clients, 500 messages/s, {count} kills of a bridge", running)


def start(port, *options):
    return tool("chatload", "--port", port, *options)


def figures(run, what, running):
    """-> Figures of a tool that is running, when it has ended"""
    text = running.communicate()[0]
    if running.returncode != 0:
        run.fail(f"chat, {what}: {' '.join(text.split())}")
    rate, p99 = parse(text)
    return [Figure(f"{what}: deliveries", "/s", [rate]),
            Figure(f"{what}: p99 from saying to hearing", "ms", [p99], better="lower")]


def parse(text):
    """-> deliveries a second, p99 in ms, of chatload's report"""
    rate = int(re.search(r"deliveries \d+ \((\d+)/s\)", text).group(1))
    return rate, int(re.search(r"p99 (\d+)", text).group(1))


def losses(text):
    """-> what did not arrive, in words; "" = nothing"""
    lost = int(re.search(r"lost (\d+)", text).group(1))
    missing = int(re.search(r"clients without all (\d+)", text).group(1))
    return f"{lost} lost, {missing} clients not served in time" if lost or missing else ""
