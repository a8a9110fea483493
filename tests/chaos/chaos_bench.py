"""A bench: one private Redis on which workers of the crash build live and die, and the judge of
what they leave. Cheap enough to have several at once; cleared, not restarted, between two runs."""
import collections
import concurrent.futures
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import time

import functions_client as fc
import functions_server as fs
from tiffin_stack import DEADLINE_S
from tiffin_store import CHAT_CHANNEL, CHAT_LOG, COUNT, EVENTS, SNAPSHOT, check_ledger

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRASH_BIN_DIR = ROOT / "build" / "crash" / "bin"
CATALOGUE = ("restaurant:", "restaurants:", "catalogue:")
WORKER_TTL_MS = 400  # two beats may be a little late on a busy machine
AT_ONCE = int(os.environ.get("TIFFIN_CHAOS_AT_ONCE", 10))  # benches; they mostly wait
FAR_OFF_MS = 200     # a delayed job this far away is a retry, not a stage

# In one piece: else a worker could take the job in between.
HURRY = """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf')) do
    redis.call('ZREM', KEYS[1], id)
    redis.call('RPUSH', KEYS[2], id)
end
"""
NO_WAITS = {"DB_MS": 0, "PAYMENT_MS": 0, "KITCHEN_MS": 0, "STAGE_MIN_MS": 0, "STAGE_MAX_MS": 0,
            "BROADCAST_MS": 0, "WORKER_TTL_MS": WORKER_TTL_MS, "DRAIN_MS": 1000}


def wait_until(condition, what, deadline_s=DEADLINE_S, pause_s=0.01):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(pause_s)


def worker_of(admin, pid):
    """The id under which a worker process is registered, or None."""
    for id_ in admin.smembers(fc.WORKERS):
        if f"-{pid}-" in id_:
            return id_
    return None


class Bench:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfc-"))
        self.server = fs.Server(self.folder)
        self.server.start()
        self.server.load()
        self.admin = self.server.client("admin")
        self.people = fc.Functions(self.admin)  # may call every function
        self.processes, self.chat = [], None

    def end(self):
        self.kill_all()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self):
        """Nothing is left but the catalogue."""
        self.kill_all()
        self.admin.config_set("maxmemory", "512mb")
        kept = [key for key in self.admin.scan_iter(count=1000)
                if not key.startswith(CATALOGUE) and not re.fullmatch(r"user:\{s00\}:\w+", key)]
        if kept:
            self.admin.delete(*kept)
        for name in ("crash", "crash.seen"):
            (self.folder / name).unlink(missing_ok=True)
        if self.chat:
            self.chat.close()
        self.chat = self.admin.pubsub()
        self.chat.subscribe(CHAT_CHANNEL)

    # ---- workers ------------------------------------------------------------------------------

    def worker(self, settings, crash=None, is_watched=False, redis_socket=None,
               bin_dir=CRASH_BIN_DIR):
        """Starts one; crash = "<phase> <call> <k>". Watched, it notes each point it passes."""
        env = {"PATH": os.environ["PATH"], "TIFFIN_RUN_DIR": str(self.folder),
               "TIFFIN_REDIS": str(redis_socket or self.server.socket),
               "TIFFIN_SECRETS_DIR": str(self.folder / "secrets")}
        env.update({"TIFFIN_" + name: str(value) for name, value in
                    {**NO_WAITS, **settings}.items()})
        if crash:
            (self.folder / "crash").write_text(crash + "\n")
        if crash or is_watched:
            env["TIFFIN_CRASH_FILE"] = str(self.folder / "crash")
        with open(self.folder / "worker.log", "ab") as log:
            process = subprocess.Popen([bin_dir / "tiffin-worker"], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env=env)
        self.processes.append(process)
        return process

    def ctl(self, *args):
        """Runs tiffin-ctl. -> the finished process"""
        env = {"PATH": os.environ["PATH"], "TIFFIN_REDIS": self.server.socket,
               "TIFFIN_SECRETS_DIR": str(self.folder / "secrets")}
        return subprocess.run([CRASH_BIN_DIR / "tiffin-ctl", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=env, timeout=DEADLINE_S)

    def kill_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.processes = []

    def points_passed(self):
        """{"<phase> <call>": how often} of the watched worker."""
        seen = self.folder / "crash.seen"
        return collections.Counter(seen.read_text().splitlines() if seen.exists() else [])

    def crash_point(self):
        """Where a worker shall die: "<phase> <call> <k>"; "" when nowhere, or when it is dead."""
        try:
            return (self.folder / "crash").read_text()
        except FileNotFoundError:
            return ""

    def log(self):
        return (self.folder / "worker.log").read_text(errors="replace")[-2000:]

    # ---- orders -------------------------------------------------------------------------------

    def place(self, n=1):
        ids = [fc.new_id() for _ in range(n)]
        for id_ in ids:
            assert self.people.place(id_) == ["placed", id_]
        return ids

    def hurry(self):
        """Retries wait for seconds: their time has come now."""
        now_s, us = self.admin.time()
        soon = now_s * 1000 + us // 1000 + FAR_OFF_MS
        self.admin.eval(HURRY, 2, fc.DELAYED, fc.READY, soon)

    def order(self, id_):
        return self.admin.hgetall(fc.job_key(id_))

    def steps(self, ids):
        pipe = self.admin.pipeline(transaction=False)
        for id_ in ids:
            pipe.hmget(fc.job_key(id_), "step", "status")
        return pipe.execute()

    def are_over(self, ids):
        """Settled, published, or waiting for people."""
        return all(step in ("settled", "published") or status == "needs_review"
                   for step, status in self.steps(ids))

    def history(self, id_):
        return fc.history(self.order(id_))

    def ledger(self, id_):
        key = self.order(id_).get("payment_key")
        return {name: int(n) if n.isdigit() else n
                for name, n in self.admin.hgetall("gateway:{s00}:" + key).items()} if key else {}

    def published(self):
        """What a listener to the chat's channel has heard since clear()."""
        heard = []
        while message := self.chat.get_message(timeout=0.02):
            if message["type"] == "message":
                heard.append(json.loads(message["data"]))
        return heard

    # ---- the judge ----------------------------------------------------------------------------

    def check(self):
        """The invariant, by our own count and by `stats`; the ledger; history = events; the chat's
        ids; what was heard = what is stored. For a bench on which nothing moves."""
        fc.check_invariant(self.admin)
        check_ledger(json.loads(self.admin.eval(SNAPSHOT, 0)))
        events = collections.defaultdict(list)
        for change in fc.changes_of(self.admin):
            events[change["order"]].append(change)
        for key in self.admin.scan_iter(match="order:{s00}:*", count=1000):
            check_history(self.admin.hgetall(key), events)
        assert not list(self.admin.scan_iter(match="jobs:{s00}:active:*", count=1000)), \
            "a worker's list is not empty"
        log = self.admin.xrange(CHAT_LOG)
        assert [id_ for id_, _ in log] == [f"{n}-0" for n in range(1, len(log) + 1)]
        count = self.admin.hgetall(COUNT)
        assert len(log) == int(count.get("updates_published", 0)) == int(
            count.get("chat_messages", 0))
        assert [(f"{m['id']}-0", m["text"]) for m in self.published()] == [
            (id_, fields["text"]) for id_, fields in log]


class Benches:
    """Some benches, and work that waits for a free one."""

    def __init__(self, n=AT_ONCE):
        self.pool = concurrent.futures.ThreadPoolExecutor(n)
        self.free, self.all = queue.SimpleQueue(), []
        for bench in self.pool.map(lambda _: Bench(), range(n)):
            self.all.append(bench)
            self.free.put(bench)

    def submit(self, work, *args):
        """-> the future of work(bench, *args)"""
        return self.pool.submit(self._run, work, args)

    def _run(self, work, args):
        bench = self.free.get()
        try:
            return work(bench, *args)
        finally:
            self.free.put(bench)

    def end(self):
        self.pool.shutdown(cancel_futures=True)
        for bench in self.all:
            bench.end()


def shared_benches(config):
    """One set for the whole pytest session."""
    if not hasattr(config, "tiffin_benches"):
        config.tiffin_benches = Benches()
        config.add_cleanup(config.tiffin_benches.end)
    return config.tiffin_benches


def check_history(order, events):
    """Versions 1, 2, 3 … and for each an event that says the same."""
    version = int(order["version"])
    lines = [order[f"v{n}"] for n in range(1, version + 1)]
    told = [" ".join((e["status"], e["payment_status"], e["kitchen_status"], e["at"]))
            for e in events[order["id"]]]
    assert told == lines, f"{order}\nevents: {told}"
    assert [int(e["version"]) for e in events[order["id"]]] == list(range(1, version + 1))
