"""One `compose up` of this repository, under a name of its own; and how to hurt it."""
import os
import pathlib
import random
import signal
import time

from engine import inspect, run
from tiffin_http import Client
from tiffin_ports import free_port
from tiffin_stack import DEADLINE_S, SHORT_WAITS, eventually, process_status

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("redis", "api", "worker", "ws-bridge", "nginx")
ONE_EACH = {"api": 1, "worker": 1, "ws_bridge": 1}
BUILD_S, UP_S = 900, 180


class Project:
    def __init__(self, engine):
        self.engine, self.port = engine, free_port()
        self.name = f"tiffin-test-{random.randrange(10 ** 9)}"
        self.scale = None  # of the services that run; None: nothing does
        self.http = Client(self.port)
        self.url = f"http://localhost:{self.port}"
        self.settings = {**SHORT_WAITS, "API_PROCESSES": 2, "PORT": self.port, "TAG": self.name,
                         "BASE_IMAGE": engine.base_image(), "RATE": 0, "ORDER_RATE": 0, "STREAMS_PER_CLIENT": 10000,
                         "METRICS_ALLOW": "0.0.0.0/0"}

    def environment(self):
        """None of the caller's settings."""
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("TIFFIN_", "COMPOSE_"))}
        env["COMPOSE_PROJECT_NAME"] = self.name
        return {**env, **{f"TIFFIN_{name}": str(value) for name, value in self.settings.items()}}

    def compose(self, *words, **more):
        return run(*self.engine.compose, *words, cwd=ROOT, env=self.environment(),
                   **{"timeout": UP_S, **more})

    def build(self):
        return self.compose("build", "--build-arg", "WERROR=1", timeout=BUILD_S)

    def up(self, **scale):
        """Up, and ready."""
        self.scale = scale
        words = [word for name, n in scale.items()
                 for word in ("--scale", f"{name.replace('_', '-')}={n}")]
        self.compose("up", "-d", "--no-build", *words)
        self.wait_ready()

    def wait_ready(self):
        """Whichever process answers."""
        eventually(lambda: all(self.http.answers() for _ in range(10)), f"/readyz of {self.url}")

    def down(self, *words):
        self.scale = None
        self.compose("down", *words)

    def cli(self, *words, **more):
        """redis-cli as the README has it."""
        return self.compose("exec", "-T", "redis", "redis-cli", *words, **more)

    def ctl(self, *words, **more):
        return self.compose("run", "--rm", "-T", "ctl", *words, **more)

    # ---- looking ------------------------------------------------------------------------------

    def _ids(self, kind, *words):
        return run("docker", kind, "ls", "--quiet", *words, "--filter",
                   f"label=com.docker.compose.project={self.name}").stdout.split()

    def containers(self, service=None, is_running=True):
        """What `docker inspect` says of them."""
        only = [] if service is None else ["--filter", f"label=com.docker.compose.service={service}"]
        return inspect(*self._ids("container", *([] if is_running else ["--all"]), *only))

    def container(self, service):
        found = self.containers(service)
        assert len(found) == 1, f"{len(found)} of {service}"
        return found[0]

    def left(self):
        """What of it is still there, however it came to be."""
        return {"containers": self._ids("container", "--all"), "volumes": self._ids("volume"),
                "networks": self._ids("network"),
                "images": run("docker", "image", "ls", "--quiet", "--filter",
                              f"reference=tiffin-*:{self.name}").stdout.split()}

    def image(self, program):
        return f"tiffin-{program}:{self.name}"

    def volume(self, name):
        return f"{self.name}_{name}"

    def logs(self, n=15):
        return self.compose("logs", "--tail", n, check=False).stdout

    # ---- what the tests of orders need ----------------------------------------------------------

    def redis(self):
        """Where it is and admin's password, as redis-py wants them. The host of an engine reaches
        its containers, also in an internal network."""
        network, = self.container("redis")["NetworkSettings"]["Networks"].values()
        password = run("docker", "run", "--rm", "--user", "0", "--volume",
                       f"{self.volume('secrets')}:/secrets:ro", "--entrypoint", "cat",
                       self.image("redis"), "/secrets/keep/secrets/admin").stdout.strip()
        return {"host": network["IPAddress"], "port": 6379, "password": password}

    # ---- hurting ------------------------------------------------------------------------------

    def processes(self, container):
        """The pids of a container on this machine: its first one, and that one's descendants."""
        first = container["State"]["Pid"]
        parents = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            parent = process_status(folder.name).get("PPid", "").strip()
            if parent:
                parents.setdefault(int(parent), []).append(int(folder.name))
        found = [first] if first and process_status(first) else []
        for pid in found:
            found += parents.get(pid, [])
        return found

    def kill(self, container, pid=None):
        """kill -9 of one of its processes, else of the first. -> when"""
        first = container["State"]["Pid"]
        at = time.monotonic()
        os.kill(pid or first, signal.SIGKILL)
        if pid in (None, first):
            eventually(lambda: self._has_restarted(container), f"another {container['Name']}")
        return at

    @staticmethod
    def _has_restarted(container):
        now = inspect(container["Id"])[0]["State"]
        return now["Running"] and now["Pid"] not in (0, container["State"]["Pid"])

    def wait_healthy(self):
        def sick():
            return [c["Name"] for c in self.containers()
                    if c["State"].get("Health", {}).get("Status") != "healthy"]
        eventually(lambda: not sick(), "health of all containers", timeout=2 * DEADLINE_S)
