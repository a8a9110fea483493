"""A peer of Tiffin: the same hot paths in another language, behind an nginx of its own and with a Redis
that syncs every write before it answers, as ours does. See parts/peers.py.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import ROOT
from tiffin_ports import free_port, is_bindable
from tiffin_stack import eventually

PROGRAMS = pathlib.Path(__file__).parent / "peers"
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
    """-> what starts the program, built where it has to be"""
    if name.startswith("fastapi"):
        return ["/usr/bin/python3", "-m", "uvicorn", name + "_peer:app", "--app-dir", PROGRAMS,
                "--port", str(port), "--workers", str(processes), "--no-access-log",
                "--log-level", "warning"]
    if name == "node":
        return ["/usr/bin/node", PROGRAMS / "node_peer.js"]
    subprocess.run(["go", "build", "-o", folder / "go_peer", PROGRAMS / "go_peer.go"], check=True,
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
        for process in reversed(running):  # nginx first: none loses what it asks
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
