"""A Docker engine to test with: the one that runs, or one of our own in a temporary folder; and the
base image, made from Debian's packages where it cannot be pulled."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

BASE = "debian:trixie-slim"
# As in Debian's own slim images. The trust of this machine goes along: what is downloaded while an
# image is built may come through a proxy that only it knows.
SLIM = ("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*",
        "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
        "force-unsafe-io")
TRUST = "/etc/ssl/certs/ca-certificates.crt"
TRUST_THERE = "/usr/local/share/tiffin-test/ca.crt"
START_S = 60


class NoEngine(Exception):
    """Why there is none, in one line."""


def run(*command, check=True, **more):
    more = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **more}
    done = subprocess.run([str(word) for word in command], check=False, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"[-4000:])
    return done


def compose_command():
    """v2 where it is, else 1.29."""
    if shutil.which("docker") and run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise NoEngine("neither docker compose nor docker-compose is installed")


def firewall():
    return run("iptables-save", check=False).stdout if shutil.which("iptables-save") else ""


class Engine:
    def __init__(self):
        self.process = self.folder = self.base = None
        self.compose = compose_command()
        if not shutil.which("docker"):
            raise NoEngine("docker is not installed")
        if not self.answers():
            self._start()

    def answers(self):
        return run("docker", "info", check=False).returncode == 0

    # ---- an engine of our own -----------------------------------------------------------------

    def _start(self):
        if "DOCKER_HOST" in os.environ:
            raise NoEngine(f"nothing answers at DOCKER_HOST={os.environ['DOCKER_HOST']}")
        if os.geteuid() != 0 or not shutil.which("dockerd"):
            raise NoEngine("no engine answers, and only root with dockerd installed can start one")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tiffin-docker-"))
        self.before = {"firewall": firewall(), "links": self._links(), "forward": self._forward()}
        os.environ["DOCKER_HOST"] = f"unix://{self.folder}/docker.sock"
        self._launch()

    def _launch(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                 "--pidfile", self.folder / "pid", "--host", os.environ["DOCKER_HOST"]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                last = (self.folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
                self._stop()
                raise NoEngine(f"dockerd does not start: {' '.join(last)[-300:]}")
            time.sleep(0.1)

    def power_cut(self):
        """All of our engine's processes are killed at once, its containers' too, and what stands in
        memory goes; then it starts again."""
        self._kill_all()
        self.process.wait()
        self._unmount()
        shutil.rmtree(self.folder / "exec")
        for name in ("pid", "docker.sock"):
            (self.folder / name).unlink(missing_ok=True)
        self._launch()

    def _kill_all(self):
        """What has our folder in its command line, and all that these have started."""
        parents, ours = {}, []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in (proc / "cmdline").read_bytes():
                    ours.append(int(proc.name))
                parent = (proc / "stat").read_text().rpartition(")")[2].split()[1]
                parents.setdefault(int(parent), []).append(int(proc.name))
        for pid in ours:
            ours += [child for child in parents.get(pid, []) if child not in ours]
        for pid in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _unmount(self):
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.folder}/"):
                run("umount", "--lazy", mount, check=False)

    @staticmethod
    def _links():
        return {link.name for link in pathlib.Path("/sys/class/net").iterdir()}

    @staticmethod
    def _forward(value=None):
        switch = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
        if value is not None:
            switch.write_text(value)
        return switch.read_text()

    def _stop(self):
        """Stops our engine; its folder, its bridge and its rules go too."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        del os.environ["DOCKER_HOST"]
        self._kill_all()
        self._unmount()
        # Where another engine was before, what it uses stays.
        if "DOCKER" not in self.before["firewall"]:
            self._tidy_network()
        shutil.rmtree(self.folder)

    def _tidy_network(self):
        for link in self._links() - self.before["links"]:
            if link == "docker0" or link.startswith("br-"):
                run("ip", "link", "delete", link, check=False)
        for table in ("filter", "nat"):
            for what in ("-F", "-X"):
                run("iptables", "-t", table, what, check=False)
        run("iptables", "-P", "FORWARD", "ACCEPT", check=False)
        run("iptables-restore", stdin=None, input=self.before["firewall"], check=False)
        self._forward(self.before["forward"])

    # ---- the base image -----------------------------------------------------------------------

    def base_image(self):
        """Its name: Debian's, or that of our own make."""
        if run("docker", "image", "inspect", BASE, check=False).returncode == 0:
            return BASE
        if run("docker", "pull", "--quiet", BASE, check=False).returncode == 0:
            return BASE
        if not shutil.which("mmdebstrap"):
            raise NoEngine(f"{BASE} cannot be pulled, and mmdebstrap, to make it, is not installed")
        self.base = f"tiffin-test-base:{random.randrange(10 ** 9)}"
        with tempfile.TemporaryDirectory(prefix="tiffin-base-") as folder:
            tar = pathlib.Path(folder) / "base.tar"
            hooks = ['rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*']
            if os.path.exists(TRUST):
                hooks += [f'install -D {TRUST} "$1{TRUST_THERE}"',
                          f'echo cafile={TRUST_THERE} >"$1/etc/npmrc"']
            made = run("mmdebstrap", "--quiet", "--variant=minbase",
                       *(f"--dpkgopt={option}" for option in SLIM),
                       *(f"--customize-hook={hook}" for hook in hooks), "trixie", tar, check=False)
            if made.returncode:
                raise NoEngine(f"{BASE} can neither be pulled nor made: {made.stderr.strip()[-300:]}")
            run("docker", "import", tar, self.base)
        return self.base

    def end(self):
        if self.base:
            run("docker", "image", "rm", "--force", self.base, check=False)
        if self.process:
            self._stop()


def inspect(*ids):
    return json.loads(run("docker", "inspect", *ids).stdout) if ids else []
