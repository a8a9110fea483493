"""peers.py: Tiffin beside the same hot paths written for Go, Node and FastAPI.

    make bench-peers           BENCH_SECONDS=8 BENCH_PEERS="tiffin go node fastapi"

Each runs behind nginx with two processes (Go: two threads) and reads and stores in a Redis that
syncs every write to disk before it answers: order, job, index and event in one transaction. The
peers do less: no idempotency, history or checks of what they are given; a chat in one process's
memory that neither stores nor numbers what is said. One machine does all of it, load generators
included: read the ratios.
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from tiffin_ports import free_port, is_bindable  # noqa: E402
from tiffin_stack import BIN_DIR, Stack, eventually  # noqa: E402

PEERS = pathlib.Path(__file__).parent / "peers"
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
NAMES = os.environ.get("BENCH_PEERS", "tiffin go node fastapi").split()
PROCESSES = 2
NGINX = """daemon off; worker_processes auto; worker_rlimit_nofile 20000; pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn; user root;
events {{ worker_connections 19000; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    keepalive_requests 100000;
    upstream peer {{ server 127.0.0.1:{inner}; keepalive 2048; keepalive_requests 1000000; }}
    server {{
        listen {port} reuseport backlog=4096;
        proxy_http_version 1.1;
        location / {{ proxy_pass http://peer; proxy_set_header Connection ""; }}
        location /ws/ {{
            proxy_pass http://peer; proxy_buffering off; proxy_buffer_size 16k; proxy_buffers 4 16k;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
        }}
    }}
}}
"""


def command(name, folder, port, processes):
    if name == "fastapi":
        return ["/usr/bin/python3", "-m", "uvicorn", "fastapi_peer:app", "--app-dir", PEERS,
                "--port", str(port), "--workers", str(processes), "--no-access-log",
                "--log-level", "warning"]
    if name == "node":
        return ["/usr/bin/node", PEERS / "node_peer.js"]
    subprocess.run(["go", "build", "-o", folder / "go_peer", PEERS / "go_peer.go"], check=True,
                   env=os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                                     "GOCACHE": str(ROOT / "build" / "go")})
    return [folder / "go_peer"]


@contextlib.contextmanager
def peer(name, wait_ms, processes):
    """-> the port of an nginx in front of it"""
    folder, inner, port = pathlib.Path(tempfile.mkdtemp(prefix="tfp-")), free_port(), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, inner=inner, port=port))
    environment = os.environ | {
        "PEER_PORT": str(inner), "PEER_REDIS": str(folder / "redis.sock"),
        "PEER_WAIT_MS": str(wait_ms), "PEER_PROCESSES": str(processes),
        "NODE_PATH": "/usr/share/nodejs", "GOMAXPROCS": str(processes)}
    running = []

    def run(*args):
        running.append(subprocess.Popen([str(a) for a in args], env=environment,
                                        stdout=subprocess.DEVNULL))
    try:
        run("redis-server", "--port", 0, "--unixsocket", folder / "redis.sock", "--dir", folder,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "")
        eventually((folder / "redis.sock").exists, "Redis")
        for data in ("HSET restaurant:resto_123 id resto_123 name Spoon cuisine Indian rating 4.5",
                     "HSET menu:resto_123 Curry 1250"):
            subprocess.run(["redis-cli", "-s", folder / "redis.sock", *data.split()], check=True,
                           stdout=subprocess.DEVNULL)
        run(*command(name, folder, inner, processes))
        run("nginx", "-p", folder, "-c", folder / "nginx.conf")
        eventually(lambda: not is_bindable(inner) and not is_bindable(port), f"{name} listens")
        eventually(lambda: subprocess.run(["curl", "-fs", f"http://127.0.0.1:{port}/healthz"],
                                          stdout=subprocess.DEVNULL).returncode == 0, name)
        yield port
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def tiffin(wait_ms, processes):
    stack = Stack(RATE=0, DB_MS=wait_ms, WORKERS=0, API_PROCESSES=processes, CHAT_RATE=0,
                  STREAMS_PER_CLIENT=20000, CHAT_ANNOUNCE=0)
    try:
        stack.up()
        yield stack.port
    finally:
        stack.end()


def run(name, wait_ms=0, processes=PROCESSES):
    return tiffin(wait_ms, processes) if name == "tiffin" else peer(name, wait_ms, processes)


def http(port, path, connections, seconds, *options):
    """-> "rate/s (p99)", with what went wrong"""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                          "--latency", *options, f"http://127.0.0.1:{port}{path}"],
                         capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec: *([\d.]+)", out).group(1))
    p99 = re.search(r"99% +(\S+)", out).group(1)
    bad = "".join(" " + b for b in re.findall(r"Non-2xx.*|Socket errors.*", out))
    return f"{rate:,.0f}/s (p99 {p99}){bad}"


def chat(port):
    """1,000 clients, 520 messages a second of 64 bytes."""
    out = subprocess.run([BIN_DIR.parent / "bench" / "chatload", "--port", str(port), "--clients",
                          "1000", "--rate", "520", "--seconds", "10"],
                         capture_output=True, text=True).stdout
    rate = int(re.search(r"deliveries \d+ \((\d+)/s\)", out).group(1))
    p99, lost = re.search(r"p99 (\d+)", out).group(1), re.search(r"lost (\d+)", out).group(1)
    missing = re.search(r"clients without all (\d+)", out).group(1)
    bad = f", {lost} lost, {missing} clients not served in time" if lost + missing != "00" else ""
    return f"{rate:,}/s (p99 {p99} ms){bad}"


def figures(name):
    with run(name) as port:
        yield "GET /healthz", http(port, "/healthz", 64, SECONDS)
        yield "GET /restaurants/resto_123, no wait", http(port, "/restaurants/resto_123", 64, SECONDS)
        yield "POST /order, on disk", http(port, "/order?restaurant_id=resto_123&item=Curry", 64,
                                           SECONDS, "-s", str(PEERS.parent / "post.lua"))
    with run(name, wait_ms=500) as port:
        yield "the 0.5 s wait, 5,000 in flight", http(port, "/restaurants/resto_123", 5000, 20)
    with run(name, processes=1) as port:
        yield "chat deliveries, 1,000 clients, 520 asked", chat(port)


def main():
    table = {}
    for name in NAMES:
        for what, figure in figures(name):
            print(f"{name}: {what}: {figure}", file=sys.stderr, flush=True)
            table.setdefault(what, []).append(figure)
    print("| what | " + " | ".join(NAMES) + " |\n|---|" + "---|" * len(NAMES))
    for what, row in table.items():
        print(f"| {what} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
