"""Results as Markdown, JSON and a plot, in build/bench/.

Each part that ran replaces its own file, results/<part>.json; the pages are made of all that are there,
so that peers measured yesterday and streams measured today stand in one report.
"""
import datetime
import json
import os
import pathlib
import platform
import subprocess

from figures import as_json, scaled
from plot import svg

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "bench"
PARTS = ("requests", "orders", "steady", "stored", "growth", "streams", "monitor", "chat", "memory",
         "start", "peers")  # as they stand in the report


def machine():
    """What a reader has to know of where it was measured."""
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {"cores": os.cpu_count(), "memory_gb": round(memory_kb / 2**20),
            "kernel": platform.release(), "at": datetime.datetime.now(datetime.UTC).isoformat(
                timespec="seconds"), "commit": commit()}


def commit():
    """-> the short hash of the tree, "+" behind it when the tree is changed; "" outside git"""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--exclude=*"],
                          cwd=pathlib.Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()


def result(name, title, figures, failures, quick):
    """What results/<part>.json holds."""
    return {"part": name, "title": title, "quick": quick, "machine": machine(),
            "figures": as_json(figures), "failures": failures}


def save(folder, part):
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(part, indent=1, ensure_ascii=False)
    (results / (part["part"] + ".json")).write_text(text + "\n")


def load(folder):
    """-> the results that are there, in the order of PARTS"""
    paths = (folder / "results" / (name + ".json") for name in PARTS)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


# ---- pages ----------------------------------------------------------------------------------------

def markdown(part):
    machine_ = part["machine"]
    lines = [f"## {part['title']}", "",
             f"{machine_['cores']} cores, {machine_['memory_gb']} GB, {machine_['at'][:10]}, "
             f"commit {machine_['commit']}" + (", a quick run: rough" if part["quick"] else ""), "",
             "| what | median | min to max | ratio | to | note |", "|---|---|---|---|---|---|"]
    lines += [row(figure) for figure in part["figures"]]
    lines += [f"\n**Failed:** {failure}" for failure in part["failures"]]
    return "\n".join(lines) + "\n"


def row(figure):
    unit = figure["unit"]
    spread = "-" if len(figure["samples"]) < 2 else \
        f"{scaled(figure['min'], unit)} to {scaled(figure['max'], unit)}"
    ratio, note = "-", figure["note"]
    if figure["ratio"] is not None:
        ratio = f"{figure['ratio']:.2f}"
    if figure["is_within"] is not None:
        sign, bound = figure["target"]
        kept = "" if figure["is_within"] else ": not kept"
        asked = scaled(bound, "" if figure["limit"] else unit)
        note = f"{note + '; ' if note else ''}asked for: {sign} {asked}{kept}"
    return (f"| {figure['name']} | {scaled(figure['median'], unit)} | {spread} | {ratio} "
            f"| {figure['limit'] or '-'} | {note or '-'} |")


def write(folder):
    """Makes the pages of all results that are there. -> the paths written"""
    parts = load(folder)
    head = ("# Tiffin, measured\n\nOne machine does everything, the load generators included: read "
            "the ratios.\nA ratio is the median of the rounds' ratios to what the same machine did "
            "in the same round without\nwhat is measured.\n\n")
    pages = {"report.md": head + "\n".join(markdown(part) for part in parts),
             "report.json": json.dumps(parts, indent=1, ensure_ascii=False) + "\n",
             "report.svg": svg(parts)}
    for name, text in pages.items():
        (folder / name).write_text(text)
    return [folder / name for name in pages]
