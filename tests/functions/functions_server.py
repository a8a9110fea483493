"""A private, real redis-server for the function tests: our redis.conf, our users, our loader."""
import os
import pathlib
import subprocess
import time

import redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
REDIS_DIR = ROOT / "redis"
BIN_DIR = pathlib.Path(os.environ.get("TIFFIN_BIN_DIR", ROOT / "build" / "release" / "bin"))
LOADER = BIN_DIR / "tiffin-load"
USERS = ("api", "worker", "ws", "gateway", "replica", "sentinel", "metrics",
         "reader", "admin")
DEADLINE_S = 60  # of anything awaited: reached only when it will never come


class Server:
    """Start, kill and sign in. The folder keeps the data over a restart."""

    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.socket = str(self.folder / "redis.sock")
        self.options = options
        self.process = None
        self._clients = {}
        (self.folder / "redis").mkdir(parents=True, exist_ok=True)
        subprocess.run([REDIS_DIR / "make-users.sh", self.folder], check=True)

    def start(self):
        self._clients.clear()
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", REDIS_DIR / "redis.conf", "--dir", self.folder / "redis",
                 "--unixsocket", self.socket, "--unixsocketperm", "700",
                 "--aclfile", self.folder / "users.acl", "--maxmemory", "512mb",
                 "--daemonize", "no", *self.options],
                stdout=log, stderr=log)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                self.client("admin").ping()
                return
            except redis.exceptions.ConnectionError:
                # BusyLoadingError is one of these
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "redis.log").read_text()) from None
                time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def password(self, user):
        return (self.folder / "secrets" / user).read_text().strip()

    def client(self, user):
        """The same one each time, until Redis is started anew."""
        if user not in self._clients:
            self._clients[user] = redis.Redis(
                unix_socket_path=self.socket, username=user, password=self.password(user),
                decode_responses=True)
        return self._clients[user]

    def run_loader(self, *args, **env):
        """Runs tiffin-load and returns the finished process."""
        return subprocess.run(
            [LOADER, *args], capture_output=True, text=True, timeout=DEADLINE_S,
            env={"PATH": os.environ["PATH"], "TIFFIN_REDIS": self.socket,
                 "TIFFIN_SECRETS_DIR": str(self.folder / "secrets"),
                 "TIFFIN_REDIS_DIR": str(REDIS_DIR), **env})

    def load(self):
        """Functions and catalogue, by tiffin-load."""
        done = self.run_loader()
        assert done.returncode == 0, done.stderr
