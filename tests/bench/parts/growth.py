"""Ten times as many connections: what becomes of the rate and of the latency. At a given rate of the
machine ten times as many that wait have to wait ten times as long; more than that would be the cost of
the connections themselves."""
from figures import Figure
from harness import NO_WAITS, stack
from http_load import post_orders, wrk

TITLE = "Growth: ten times as many connections"
READ = "/restaurants/resto_123"


def measure(run):
    n = run.pick(500, 50, "CONNECTIONS")
    with stack(**NO_WAITS, WORKERS=0, API_PROCESSES=2, REDIS_MAXMEMORY="4gb") as tiffin:
        found = run.turns({
            (what, connections): call(tiffin.port, what, connections, run.seconds)
            for what in ("GET " + READ, "POST /order") for connections in (n, 10 * n)},
            run.pick(5, 2))
    for (what, connections), loads in found.items():
        for load in loads:
            if load.errors:
                run.fail(f"{what}, {connections} connections: {load.errors}")
        few = f"{what}, {n:,} connections"
        name, is_many = f"{what}, {connections:,} connections", connections > n
        yield Figure(name, "/s", [load.rate for load in loads], few if is_many else "",
                     note=f"ten times: p50, p99 {milliseconds(loads)}" if is_many else
                     f"p50, p99 {milliseconds(loads)}")
        yield Figure(name + ", p99", "ms", [load.p99_ms for load in loads],
                     few + ", p99" if is_many else "", better="lower")


def call(port, what, connections, seconds):
    if what.startswith("POST"):
        return lambda: post_orders(port, connections, seconds)
    return lambda: wrk(port, READ, connections, seconds)


def milliseconds(loads):
    ordered = sorted(loads, key=lambda load: load.p99_ms)
    middle = ordered[len(ordered) // 2]
    return f"{middle.p50_ms:.1f}, {middle.p99_ms:.1f} ms"
