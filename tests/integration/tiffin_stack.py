"""A private stack of the current build: its own folder, port and settings; and how to hurt it."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from tiffin_ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "fcgi" / "stack"
BIN_DIR = pathlib.Path(os.environ.get("TIFFIN_BIN_DIR") or ROOT / "build" / "release" / "bin")

# What the caller's shell may hand on; none of its TIFFIN_ settings.
ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
SHORT_WAITS = {
    "DB_MS": 30, "MENU_MS": 60, "REVIEWS_MS": 90, "PAYMENT_MS": 60, "KITCHEN_MS": 30,
    "STAGE_MIN_MS": 20, "STAGE_MAX_MS": 40, "BROADCAST_MS": 50, "WORKER_TTL_MS": 1000,
    "DRAIN_MS": 1000, "API_PROCESSES": 2,
}
DEADLINE_S = 60  # of anything awaited: reached only when it will never come
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:")
ORDER_ID = re.compile(r"order_00[a-z2-7]{7,}")  # logs may show order_ and six characters


def eventually(condition, what="the condition", timeout=DEADLINE_S):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.01)


def process_status(pid):
    """{name: value} of /proc/<pid>/status; {} when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def rss_kb(*pids):
    """Resident memory of these processes together."""
    return sum(int(process_status(pid)["VmRSS"].split()[0]) for pid in pids)


def is_alive(pid):
    return process_status(pid).get("State", "Z")[0] not in "ZX"


class RunningStack:
    """One that somebody else has started, with SHORT_WAITS and no limits. Environment variables say
    where: TIFFIN_TEST_PORT is its nginx's, TIFFIN_TEST_REDIS the host:port of its Redis,
    TIFFIN_TEST_PASSWORD a file with admin's password. It can be used and looked into, not hurt."""

    def __init__(self):
        self.port = int(os.environ["TIFFIN_TEST_PORT"])

    @staticmethod
    def is_given():
        return "TIFFIN_TEST_PORT" in os.environ

    def redis(self):
        host, port = os.environ["TIFFIN_TEST_REDIS"].rsplit(":", 1)
        password = pathlib.Path(os.environ["TIFFIN_TEST_PASSWORD"]).read_text().strip()
        return {"host": host, "port": int(port), "password": password}

    def up(self):
        return self

    def end(self):
        pass


class Stack:
    """One run directory. Settings are given without TIFFIN_."""

    def __init__(self, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tf-"))
        self.port = settings.pop("PORT", None) or free_port()
        self.settings = {**SHORT_WAITS, "PORT": self.port, "RUN_DIR": self.folder,
                         "BIN_DIR": BIN_DIR, "UP_TIMEOUT_S": DEADLINE_S, **settings}

    def environment(self, **more):
        env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        for name, value in {**self.settings, **more}.items():
            env["TIFFIN_" + name] = str(value)
        return env

    # ---- up and down --------------------------------------------------------------------------

    def script(self, name, *args, **settings):
        # Output goes to files: a process that outlived the script would hold a pipe open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run([SCRIPTS / name, *args], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=err, env=self.environment(**settings), timeout=180)
            out.seek(0)
            err.seek(0)
            done.stdout, done.stderr = out.read(), err.read()
        return done

    def up(self):
        done = self.script("up.sh")
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def down(self):
        return self.script("down.sh")

    def end(self):
        """Stops it in any case, and the folder goes. By then its logs hold no order's id, and no
        complaint of a sanitizer."""
        try:
            done = self.down()
            complaints = [line for line in self.all_logs().splitlines()
                          if SANITIZER.search(line) or ORDER_ID.search(line)]
            left = self.processes()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        assert done.returncode == 0, done.stderr
        assert not complaints, "\n".join(complaints)
        assert not left, left

    # ---- looking ------------------------------------------------------------------------------

    def redis(self):
        """Where it is and admin's password, as redis-py wants them."""
        return {"unix_socket_path": str(self.folder / "redis.sock"),
                "password": (self.folder / "secrets" / "admin").read_text().strip()}

    def log(self, name):
        return "".join(path.read_text(errors="replace")
                       for path in sorted((self.folder / "log" / name).glob("*"))
                       if path.name.startswith("@") or path.name == "current")

    def all_logs(self):
        return "".join(f"--- {path.name}\n{self.log(path.name)}"
                       for path in sorted((self.folder / "log").glob("*")))

    def pid(self, name):
        """Of a service, waiting while it is being started again."""
        def read():
            try:
                pid = int((self.folder / (name + ".pid")).read_text())
            except (FileNotFoundError, ValueError):
                return None
            return pid if is_alive(pid) else None
        return eventually(read, f"the pid of {name}")

    def children(self, name):
        parent = str(self.pid(name))
        return [int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")
                if process_status(p.name).get("PPid") == parent and is_alive(int(p.name))]

    def processes(self):
        """{pid: name} of all that works in this folder: services, their children, supervisors."""
        found = {}
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                cwd = os.readlink(proc / "cwd")
            except OSError:
                continue
            inside = cwd == str(self.folder) or cwd.startswith(str(self.folder) + "/")
            if inside and is_alive(int(proc.name)):
                found[int(proc.name)] = process_status(proc.name).get("Name", "")
        return found

    # ---- hurting ------------------------------------------------------------------------------

    def kill(self, name, signum=signal.SIGKILL):
        """Kills a service and waits until it has a successor. -> its pid"""
        old = self.pid(name)
        os.kill(old, signum)
        return eventually(lambda: (pid := self.pid(name)) != old and pid, f"another {name}")

    def kill_children(self, name):
        old = self.children(name)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(self.children(name)) - set(old)) >= len(old), "new children")

    def _control(self, name, wait, order):
        subprocess.run(["s6-svc", wait, "-T", "60000", order, self.folder / "svc" / name],
                       check=True, env=self.environment())

    @contextlib.contextmanager
    def without(self, name):
        """The service is stopped, and started again at the end."""
        self._control(name, "-wD", "-d")
        # Stopped a moment after its start it looks as if it died at once: no pause for that.
        (self.folder / "svc" / name / "data" / "fails").write_text("0\n")
        try:
            yield
        finally:
            self._control(name, "-wu", "-u")
            self.pid(name)

    @contextlib.contextmanager
    def frozen(self, name):
        """SIGSTOP; SIGCONT at the end, or by calling what is yielded."""
        pid = self.pid(name)

        def thaw():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield thaw
        finally:
            thaw()

    @contextlib.contextmanager
    def own_worker(self, **settings):
        """One more worker, with other settings and no supervisor. Yields its process."""
        folder = self.folder / "log" / "own-worker"
        folder.mkdir(mode=0o700, exist_ok=True)
        with open(folder / "current", "ab") as log:
            process = subprocess.Popen([BIN_DIR / "tiffin-worker"], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log,
                                       env=self.environment(**settings))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(DEADLINE_S)

    @contextlib.contextmanager
    def only_worker(self, **settings):
        """Instead of the supervised one."""
        with self.without("worker"), self.own_worker(**settings) as process:
            yield process
