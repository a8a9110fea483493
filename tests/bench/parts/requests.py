"""The request path: Tiffin beside a responder that does nothing behind the same nginx.

The constant answer of nginx itself, the API's /healthz and a read of Redis are compared with that
responder: it costs what nginx and FastCGI cost, so what a route lacks is its own. Then the half-second
wait, where the limit is arithmetic: so many in flight, twice a second.
"""
from figures import Figure
from harness import NO_WAITS, stack
from http_load import wrk
from responder import nothing

TITLE = "Requests: the API beside a responder that does nothing"
LIMIT = "a responder that does nothing"
READ = "/restaurants/resto_123"
WAIT_S = 0.5


def measure(run):
    return [*answers(run), *waits(run)]


def answers(run):
    with stack(**NO_WAITS, WORKERS=0, BENCH=1, API_PROCESSES=2) as tiffin, \
            nothing(tiffin) as idle_port:
        subjects = {
            LIMIT: lambda: wrk(idle_port, "/healthz", 64, run.seconds),
            "nginx's own constant answer": lambda: wrk(tiffin.port, "/bench/ok", 64, run.seconds),
            "GET /healthz": lambda: wrk(tiffin.port, "/healthz", 64, run.seconds),
            f"GET {READ}, no wait": lambda: wrk(tiffin.port, READ, 64, run.seconds)}
        loads = run.turns(subjects)
    yield from rates(run, loads, LIMIT)


def rates(run, loads, limit):
    """Rates and 99th percentiles of {name: [Load]}."""
    for name, rounds in loads.items():
        errors = {load.errors for load in rounds} - {""}
        if errors:
            run.fail(f"{name}: {'; '.join(sorted(errors))}")
        p99 = max(load.p99_ms for load in rounds)
        yield Figure(name, "/s", [load.rate for load in rounds],
                     limit if name != limit else "", note=f"p99 {p99:.1f} ms at most")


def waits(run):
    """The half-second wait, with many requests at a time."""
    with stack(WORKERS=0, DB_MS=int(WAIT_S * 1000), API_PROCESSES=2) as tiffin:
        few = [] if run.quick else [200]
        for connections in (*few, run.pick(5000, 2000, "IN_FLIGHT")):
            seconds = run.pick(20, 5)
            loads = [wrk(tiffin.port, READ, connections, seconds) for _ in range(run.pick(3, 1))]
            yield from wait_figures(run, connections, loads, seconds)


def wait_figures(run, connections, loads, seconds):
    for load in loads:
        if load.errors:
            run.fail(f"{connections} in flight: {load.errors}")
    limit, name = f"{connections:,} at a time", f"the half-second wait, {connections:,} in flight"
    # A wait that began within the last one of the run is not answered within it.
    most = connections * (seconds / WAIT_S - 1) / seconds
    yield Figure(limit, "/s", [most] * len(loads), note=f"the waits that fit into {seconds} s")
    yield Figure(name, "/s", [load.rate for load in loads], limit,
                 target=(">=", 0.96) if connections >= 2000 else None)
    yield Figure(name + ", p99", "ms", [load.p99_ms for load in loads], better="lower")
