"""Memory that an idle connection costs, by program: an order's stream that waits for its next event, and
a chat socket on which nothing is said."""
import processes
from figures import Figure
from harness import settle, stack, tool
from order_life import order_id, places
from stream_load import live_status, open_streams
from tiffin_stack import eventually
from wire import wire

TITLE = "Memory of an idle connection, by program"
TARGET_KB = 12
SETTINGS = {"WORKERS": 0, "API_PROCESSES": 2, "BRIDGES": 1}


def measure(run):
    for what, open_all in (("a stream", streams), ("a chat socket", chat_sockets)):
        n = run.pick(5000, 1000, "IDLE")
        rounds = [one_round(open_all, n) for _ in range(run.pick(3, 1))]
        for name in rounds[0]:
            yield Figure(f"{what}: {name}", "KB", [found[name] for found in rounds], better="lower",
                         target=("<=", TARGET_KB) if name == "nginx" else None)
        yield Figure(f"{what}: all together", "KB", [sum(found.values()) for found in rounds],
                     better="lower", note=f"{n:,} at a time")


def one_round(open_all, n):
    """On a stack of its own: what another round left free would be used again. -> {program: KB each}"""
    with stack(**SETTINGS) as tiffin:
        running, before = open_all(tiffin, n)
        settle()
        risen = processes.risen(before, processes.memory_kb(tiffin))
        running.terminate()
        running.wait()
    return {name: kb / n for name, kb in risen.items()}


def streams(tiffin, n):
    with wire(tiffin) as link:
        link.run(places(range(n)))
    before = processes.memory_kb(tiffin)
    return open_streams(tiffin, [live_status(order_id(number)) for number in range(n)]), before


def chat_sockets(tiffin, n):
    before, opened = processes.memory_kb(tiffin), tiffin.folder / "opened"
    running = tool("chatload", "--port", tiffin.port, "--clients", n, "--rate", 0, "--seconds", 600,
                   "--opened", opened)
    eventually(opened.exists, "all are in the chat")
    return running, before
