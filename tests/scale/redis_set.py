"""A master, its replicas and the sentinels that watch them: real processes on ports of 127.0.0.1, each
with a file of its own that Redis may rewrite and that includes ours.

    with RedisSet(replicas=2) as redis_set:
        redis_set.setting              "sentinel://tiffin@127.0.0.1:…", for TIFFIN_REDIS
        redis_set.master().kill()      kill -9 of whoever the sentinels call so
        redis_set.client("admin")      signed in at the master of now
"""
import contextlib
import pathlib
import shutil
import signal
import subprocess
import tempfile

import redis

from functions_server import LOADER, REDIS_DIR
from tiffin_ports import free_port
from tiffin_stack import eventually

NAME = "tiffin"
DOWN_AFTER_MS = 2000

NODE = """include {conf}
port {port}
bind 127.0.0.1
dir {folder}
aclfile {acl}
masteruser replica
masterauth {replica_password}
maxmemory 512mb
repl-backlog-size 256mb
repl-diskless-sync-delay 0
repl-timeout 10
"""

SENTINEL = """port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {name} 127.0.0.1 {master} {quorum}
sentinel auth-user {name} sentinel
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_after_ms}
sentinel failover-timeout {name} 10000
"""


class Process:
    """redis-server with a file of its own; it is stopped, killed, started again in the same place."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.running = folder, options, None
        self.port = free_port()

    def write(self, text):
        (self.folder / "node.conf").write_text(text)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.running = subprocess.Popen(
                ["redis-server", self.folder / "node.conf", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        self.running.kill()
        self.running.wait()

    @contextlib.contextmanager
    def frozen(self):
        self.running.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running.send_signal(signal.SIGCONT)

    def stop(self):
        if self.running and self.running.poll() is None:
            self.running.send_signal(signal.SIGCONT)
            self.running.kill()
            self.running.wait()


class RedisSet:
    def __init__(self, replicas=2, sentinels=3):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfs-"))
        subprocess.run([REDIS_DIR / "make-users.sh", self.folder], check=True)
        self.nodes = [self._process(f"redis-{i}") for i in range(1 + replicas)]
        self.sentinels = [self._process(f"sentinel-{i}", "--sentinel") for i in range(sentinels)]
        self.setting = f"sentinel://{NAME}@" + ",".join(
            f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)

    def _process(self, name, *options):
        folder = self.folder / name
        folder.mkdir()
        return Process(folder, *options)

    def password(self, user):
        return (self.folder / "secrets" / user).read_text().strip()

    # ---- up and down --------------------------------------------------------------------------

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        first = self.nodes[0]
        for node in self.nodes:
            text = NODE.format(conf=REDIS_DIR / "redis.conf", port=node.port, folder=node.folder,
                               acl=self.folder / "users.acl",
                               replica_password=self.password("replica"))
            node.write(text + (f"replicaof 127.0.0.1 {first.port}\n" if node != first else ""))
            node.start()
        eventually(lambda: self._answers(first), "the master")
        for sentinel in self.sentinels:
            sentinel.write(SENTINEL.format(
                port=sentinel.port, folder=sentinel.folder, name=NAME, master=first.port,
                quorum=len(self.sentinels) // 2 + 1, password=self.password("sentinel"),
                down_after_ms=DOWN_AFTER_MS))
            sentinel.start()
        self.load()
        self.wait_whole()

    def __exit__(self, *_):
        for process in self.sentinels + self.nodes:
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self):
        """Functions and catalogue, at the master."""
        done = subprocess.run([LOADER], capture_output=True, text=True, env=self.environment())
        assert done.returncode == 0, done.stderr

    def environment(self, **settings):
        """For a program that shall find this set."""
        return {"PATH": "/usr/bin:/bin", "TIFFIN_REDIS": self.setting,
                "TIFFIN_RUN_DIR": str(self.folder), "TIFFIN_REDIS_DIR": str(REDIS_DIR),
                "TIFFIN_SECRETS_DIR": str(self.folder / "secrets"),
                **{"TIFFIN_" + name: str(value) for name, value in settings.items()}}

    # ---- who is what --------------------------------------------------------------------------

    def at(self, node, user="admin"):
        return redis.Redis(port=node.port, username=user, password=self.password(user),
                           decode_responses=True, socket_timeout=2)

    def _answers(self, node):
        try:
            return self.at(node).ping()
        except redis.RedisError:
            return False

    def _role(self, node):
        try:
            return self.at(node).role()[0]
        except redis.RedisError:
            return None

    def told_by(self, sentinel):
        """The port of the master, as this sentinel says; None when it does not."""
        try:
            found = redis.Redis(port=sentinel.port, decode_responses=True, socket_timeout=2) \
                .execute_command("SENTINEL", "get-master-addr-by-name", NAME)
            return found and int(found[1])
        except redis.RedisError:
            return None

    def master(self):
        """The node that all sentinels call the master and that says so itself."""
        def ask():
            ports = {self.told_by(sentinel) for sentinel in self.sentinels}
            found = [node for node in self.nodes if ports == {node.port}]
            return found[0] if found and self._role(found[0]) == "master" else None
        return eventually(ask, "a master that all agree on")

    def client(self, user="admin"):
        return self.at(self.master(), user)

    def wait_whole(self):
        """Until all others replicate the master, and each sentinel knows of all."""
        others = len(self.nodes) - 1

        def are_there():
            replication = self.client().info("replication")
            return replication["connected_slaves"] == others and all(
                replication[f"slave{i}"]["state"] == "online" for i in range(others))
        eventually(are_there, "all replicas")

        def knows_all(sentinel):
            found = redis.Redis(port=sentinel.port, decode_responses=True).sentinel_master(NAME)
            return (found["num-slaves"], found["num-other-sentinels"]) == (
                others, len(self.sentinels) - 1)
        eventually(lambda: all(map(knows_all, self.sentinels)), "sentinels that know of all")
