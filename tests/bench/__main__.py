"""Measures Tiffin: each part in turn, on stacks of its own; results go to build/bench/.

    make bench                                  all parts but the peers
    make bench BENCH_ARGS="--quick"             all of them roughly, in under three minutes
    make bench BENCH_ARGS="streams memory"      these parts
    make bench-peers                            beside Go, Node and FastAPI

Exits 1 when something went wrong that must not: an error answer, a lost event. A ratio that is not what
was asked for is told and changes nothing.
"""
import argparse
import importlib
import pathlib
import sys
import time
import traceback

import report
from harness import Run, say
from report import FOLDER, PARTS

LONG = ("steady", "peers")  # not in a quick run, unless named; peers need packages of their own


def arguments():
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="rough figures in under 3 minutes")
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER, help="where results go")
    given = parser.parse_args()
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error("no such part: " + ", ".join(sorted(unknown)))
    skipped = LONG if given.quick else ("peers",)
    given.parts = given.parts or [name for name in PARTS if name not in skipped]
    return given


def measure(name, given):
    """One part: measured, saved, shown. -> what failed"""
    part, run, began = importlib.import_module("parts." + name), Run(given.quick), time.monotonic()
    say(f"{name}: {part.TITLE}")
    figures = []
    try:
        for figure in part.measure(run):
            figures.append(figure)
    except Exception as error:  # the parts after it are measured all the same
        traceback.print_exc()
        run.fail(f"{name} ended before its end: {error!r}")
    found = report.result(name, part.TITLE, figures, run.failures, run.quick)
    report.save(given.out, found)
    print(report.markdown(found), flush=True)
    say(f"{name}: {time.monotonic() - began:.0f} s")
    return run.failures


def main():
    given, failures = arguments(), []
    for name in given.parts:
        failures += measure(name, given)
        report.write(given.out)
    say("written: " + ", ".join(str(path) for path in report.write(given.out)))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
