"""Writes what the README says of speed, from the results in build/bench/: make bench-readme.

Between the markers, and only from thorough runs: a quick one is too rough to be published.
"""
import pathlib
import re
import sys

import report
from figures import scaled
from harness import ROOT

BEGIN, END = "<!-- bench: written by make bench-readme -->", "<!-- /bench -->"
# Rows beside the peers: what README calls it, the figure's name in the part peers.
PEER_ROWS = (("`GET /healthz`, 64 connections", "GET /healthz"),
             ("`GET /restaurants/resto_123`, its wait set to 0", "GET /restaurants/resto_123, no wait"),
             ("`POST /order`, on disk before the answer", "POST /order, on disk"),
             ("the half-second wait, 5,000 in flight (10,000/s is the limit)",
              "the half-second wait, 5,000 in flight"),
             ("chat deliveries, 1,000 clients, 520 messages/s",
              "chat deliveries, 1,000 clients, 520 messages/s"))
PEERS = ("Tiffin", "Go", "Node", "FastAPI")
# What README calls it, the part, a pattern of the figure's name.
ROWS = (("`GET /healthz`", "requests", r"GET /healthz"),
        ("`POST /order` while orders are worked on", "peers", r"POST /order, .*: Tiffin, .*"),
        ("orders drained by one worker", "orders", r"orders drained.*"),
        ("Redis' CPU to place an order", "orders", r"place, .* CPU an order"),
        ("Redis' CPU from placed to delivered", "orders", r"placed to .* CPU an order"),
        ("order streams at a steady rate, p99 from the change to the client", "streams",
         r".* events/s: change to client, p99"),
        ("… of which a durable write takes alone", "streams", r"a durable write alone, .*: p99"),
        ("burst of events to all streams", "streams", r"burst, .*"),
        ("jitter of the live monitor, p99", "monitor", r".* viewers: jitter, p99"),
        ("memory of an idle stream, all programs", "memory", r"a stream: all together"),
        ("memory of an idle chat socket, all programs", "memory", r"a chat socket: all together"),
        ("from start to ready", "start", r"make up, .*"),
        ("… with the most orders stored that were measured", "stored", r"make up, .*"),
        ("`tiffin-ctl fsck` of them", "stored", r"tiffin-ctl fsck, .*"),
        ("the log's rewrite of them", "stored", r"the log's rewrite, .*"))


def find(parts, part, pattern):
    """-> the figure; LookupError, and which, where it was not measured"""
    for figure in parts.get(part, {}).get("figures", []):
        if re.fullmatch(pattern, figure["name"]):
            return figure
    raise LookupError(f"no figure {pattern!r} of the part {part}: make bench"
                      + ("-peers" if part == "peers" else f" BENCH_ARGS={part}"))


def value(figure):
    """The median, with its spread where there is one."""
    text = scaled(figure["median"], figure["unit"])
    if figure["min"] != figure["max"]:
        text += f" ({scaled(figure['min'], '')} to {scaled(figure['max'], '')})"
    return text


def ratio_text(figure):
    if figure["ratio"] is None:
        return "-"
    return f"{figure['ratio']:.2f} of {figure['limit']}"


def section(parts):
    """parts: {name: result}. -> the text between the markers"""
    machine = parts["peers"]["machine"] if "peers" in parts else {}
    peers = [(label, [find(parts, "peers", re.escape(f"{what}: {peer}")) for peer in PEERS])
             for label, what in PEER_ROWS]
    lines = [f"{machine['cores']} cores, {machine['memory_gb']} GB, commit {machine['commit']}; medians, "
             "in brackets the smallest and the largest:", "",
             "| | " + " | ".join(PEERS) + " |", "|---|" + "---|" * len(PEERS)]
    lines += [f"| {label} | " + " | ".join(value(figure) for figure in row) + " |"
              for label, row in peers]
    lines += ["", "| | | ratio in the same run |", "|---|---|---|"]
    for label, part, pattern in ROWS:
        figure = find(parts, part, pattern)
        lines.append(f"| {label} | {value(figure)} | {ratio_text(figure)} |")
    return "\n".join(lines)


def replaced(text, between):
    """-> the page with this between its markers; ValueError where it has none"""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the page has not one {BEGIN} and one {END}")
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + between + "\n" + END + rest.split(END)[1]


def main(folder, page):
    parts = {part["part"]: part for part in report.load(folder)}
    quick = [name for name, part in parts.items() if part["quick"]]
    if quick:
        return f"only quick results of: {', '.join(quick)}"
    try:
        page.write_text(replaced(page.read_text(), section(parts)))
    except (LookupError, ValueError) as error:
        return error.args[0]
    return None


if __name__ == "__main__":
    problem = main(report.FOLDER, pathlib.Path(sys.argv[1]) if sys.argv[1:] else ROOT / "README.md")
    sys.exit(problem and f"bench-readme: {problem}")
