"""CPU and memory of a stack's processes, by program, from /proc."""
import os
import pathlib

from tiffin_stack import rss_kb

NAMES = ("redis", "api", "worker", "nginx", "ws")
TICKS = os.sysconf("SC_CLK_TCK")


def pids(stack):
    """-> {program: its processes}; those that this stack does not run are left out"""
    found = {}
    for name in NAMES:
        if (stack.folder / f"{name}.pid").exists():
            found[name] = [stack.pid(name), *stack.children(name)]
    return found


def cpu_s(stack):
    """-> {program: seconds of CPU so far}"""
    return {name: sum(map(cpu_of, ids)) for name, ids in pids(stack).items()}


def cpu_of(pid):
    """User and system time of one process (proc_pid_stat(5), fields 14 and 15), in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kb(stack):
    """-> {program: resident memory, all its processes together}"""
    return {name: rss_kb(*ids) for name, ids in pids(stack).items()}


def risen(before, after):
    """-> {program: by how much}, of two answers of cpu_s() or memory_kb()"""
    return {name: after[name] - before[name] for name in before if name in after}
