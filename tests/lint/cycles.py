#!/usr/bin/python3
"""Do the source files call each other in a circle?

Reads with nm what each object file defines and what it needs from others; a file that needs a
symbol points to the file that defines it. Files that reach each other both ways cannot be
understood or tested one without the other, so any such set fails the check and is named, with the
symbols that hold it together.

    cycles.py OBJECT...      exit 1 when there is a circle

A name that two programs define is that of the file in the nearest folder.
"""
import collections
import os
import subprocess
import sys


def read_symbols(objects):
    """{object: (names it defines, names it needs)}, by `nm --extern-only`."""
    symbols = {path: (set(), set()) for path in objects}
    out = subprocess.run(
        ["nm", "--extern-only", "--print-file-name", "--format=posix", *objects],
        check=True, capture_output=True, text=True,
    ).stdout
    for line in out.splitlines():
        path, _, rest = line.partition(": ")
        name, kind = rest.split()[:2]
        symbols[path][kind in "Uwv"].add(name)
    return symbols


def nearest(path, candidates):
    """The one of these files that shares the longest path with it."""
    return max(candidates, key=lambda other: len(os.path.commonpath([path, other])))


def read_edges(symbols):
    """{file: {file it needs: names}}"""
    definers = collections.defaultdict(set)
    for path, (defined, _) in symbols.items():
        for name in defined:
            definers[name].add(path)
    edges = {path: collections.defaultdict(set) for path in symbols}
    for path, (_, needed) in symbols.items():
        for name in needed & definers.keys():
            edges[path][nearest(path, definers[name])].add(name)
    return edges


def reachable(edges, start):
    seen, waiting = set(), [start]
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def find_circles(edges):
    """The sets of files that reach each other; a file alone is none."""
    reach = {path: reachable(edges, path) for path in edges}
    circles = {
        frozenset(other for other in reach[path] if path in reach[other])
        for path in edges if path in reach[path]
    }
    return sorted((sorted(circle) for circle in circles), key=len, reverse=True)


def print_circle(circle, edges, root):
    def source(path):
        return os.path.relpath(path, root).removesuffix(".o") + ".c"

    print(f"a circle of {len(circle)} files:", file=sys.stderr)
    for path in circle:
        for other in sorted(set(edges[path]) & set(circle)):
            names = ", ".join(sorted(edges[path][other]))
            print(f"  {source(path)} -> {source(other)}: {names}", file=sys.stderr)


def main(objects):
    if not objects:
        sys.exit("cycles: no object files: build first")
    root = os.path.commonpath([os.path.dirname(path) for path in objects])
    edges = read_edges(read_symbols(objects))
    circles = find_circles(edges)
    for circle in circles:
        print_circle(circle, edges, root)
    print(f"{len(objects)} files, {len(circles)} circles")
    return 1 if circles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
