"""What docker compose up promises: see fcgi/stack/README.md, "In containers"."""
import contextlib
import gzip
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import pytest

from attack import Audit, Load, figures
from engine import inspect, run
from project import ONE_EACH, ROOT, SERVICES
from tiffin_stack import eventually, process_status
from tiffin_store import Store
from tiffin_ws import Ws

try:
    from chromium import Browser, missing
except ImportError:  # no selenium
    Browser, missing = None, "python3-selenium is not installed"

INTEGRATION_S = 900  # reached only when it hangs
BLOWS, EVERY_S, RATE = 15, (1.0, 2.5), 15
LABELS = ("title", "description", "licenses", "base.name", "version", "revision")
ONCE = ("secrets", "load")


def place(project, n):
    return [project.http.place().json["order_id"] for _ in range(n)]


def with_password(redis):
    """A file with admin's password, that goes when it is closed."""
    file = tempfile.NamedTemporaryFile("w", prefix="tiffin-")
    file.write(redis["password"])
    file.flush()
    return file


# ---- the black boxes ------------------------------------------------------------------------------

def test_the_integration_suite(project):
    redis = project.redis()
    with with_password(redis) as password:
        env = {**os.environ, "TIFFIN_TEST_PORT": str(project.port),
               "TIFFIN_TEST_REDIS": f"{redis['host']}:{redis['port']}",
               "TIFFIN_TEST_PASSWORD": password.name}
        done = run(sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                   "tests/integration", cwd=ROOT, env=env, timeout=INTEGRATION_S, check=False)
    print(done.stdout[-6000:])
    assert done.returncode == 0


@pytest.mark.skipif(bool(missing), reason=f"no browser test: {missing}")
def test_a_browser_orders_and_sees_it_delivered(project):
    browser = Browser()
    try:
        browser.open(project.url + "/")
        browser.wait_enabled("#submit")
        browser.choose("#item", "Curry")
        browser.click("#submit")
        browser.wait_text("#tracker [data-status]", "Delivered")
        id_ = browser.js("return sessionStorage.getItem('tiffin-order')")
        assert project.http.order(id_)["status"] == "delivered"
        browser.open(project.url + "/docs/")
        browser.wait_text("body", "/order")
        browser.check_console()
    finally:
        browser.quit()


def test_a_large_file_was_compressed_when_it_was_built(project):
    """So it has a length, which what nginx compresses on the way has not."""
    path = "/vendor/swagger-ui-dist/swagger-ui-bundle.js"
    plain = project.http.get(path)
    small = project.http.get(path, headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip" and small.headers["Content-Length"]
    assert gzip.decompress(small.body) == plain.body and len(small.body) < len(plain.body) / 2
    assert project.http.get(path + ".gz").status == 404


# ---- hardened -------------------------------------------------------------------------------------

def test_every_container_has_no_more_than_it_needs(project):
    for container in project.containers(is_running=False):
        name = container["Config"]["Labels"]["com.docker.compose.service"]
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], name
        assert any(word.startswith("no-new-privileges") for word in host["SecurityOpt"]), name
        assert host["CapAdd"] in ([["CHOWN"], ["CAP_CHOWN"]] if name == "secrets" else [None, []])
        assert 0 < host["PidsLimit"] <= 64 and 0 < host["Memory"] <= 2 ** 30, name
        assert int(container["Config"]["User"].partition(":")[0]) > 10000 or name == "secrets"
        assert host["LogConfig"]["Config"]["max-size"], name
        assert bool(host["PortBindings"]) == (name == "nginx")
        assert host["RestartPolicy"]["Name"] == ("no" if name in ONCE else "unless-stopped")


def test_no_process_has_a_right_of_roots(project):
    for container in project.containers():
        for pid in project.processes(container):
            if not (status := process_status(pid)):
                continue  # a health check that is over
            assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, status
            assert status["NoNewPrivs"].strip() == "1"
            assert set(status["Uid"].split()) & {"0"} == set(), status


def test_networks_let_through_what_is_needed_alone(project):
    def of(service):
        return {name.removeprefix(project.name + "_")
                for name in project.container(service)["NetworkSettings"]["Networks"]}
    assert {service: of(service) for service in SERVICES} == {
        "redis": {"store"}, "api": {"store", "fastcgi"}, "worker": {"store", "egress"},
        "ws-bridge": {"store", "chat"}, "nginx": {"fastcgi", "chat", "public"}}
    for name in ("store", "fastcgi", "chat"):
        network, = json.loads(run("docker", "network", "inspect", project.volume(name)).stdout)
        assert network["Internal"], name


def addresses(project, *services):
    return {(network["IPAddress"], port) for service, port in services
            for container in project.containers(service)
            for network in container["NetworkSettings"]["Networks"].values()}


def reached(project, service, all_):
    """Those of the addresses that a process in that service's container can connect to."""
    done = project.compose(
        "exec", "-T", service, "bash", "-c", "for at; do "
        'timeout 3 bash -c "exec 3<>/dev/tcp/$at" 2>/dev/null && echo "$at" & done; wait',
        "bash", *(f"{address}/{port}" for address, port in all_))
    return [tuple(line.split("/")) for line in done.stdout.split()]


def test_nginx_alone_reaches_fastcgi_and_the_bridge(project):
    """By whatever address: a name may stand for one of several."""
    project.up(api=2, worker=1, ws_bridge=2)
    fastcgi = addresses(project, ("api", 9000), ("api", 9001))
    chat = addresses(project, ("ws-bridge", 9100))
    everyone = fastcgi | chat
    # Each of two processes of two containers in one of its two networks; each of two bridges.
    assert len(reached(project, "nginx", everyone)) == 4 + 2
    for service, others in (("redis", everyone), ("worker", everyone), ("api", chat),
                            ("ws-bridge", fastcgi)):
        assert reached(project, service, others) == [], service
    listening = {tuple(line.split()[1].split(":")) for container in project.containers("api")
                 for line in open(f"/proc/{container['State']['Pid']}/net/tcp")
                 if line.split()[3] == "0A" and line.split()[1].endswith((":2328", ":2329"))}
    assert len(listening) == 4 and not {address for address, _ in listening} & {"00000000"}


def test_each_program_can_read_its_own_password_alone(project):
    listing = run("docker", "run", "--rm", "--user", "0", "--volume",
                  f"{project.volume('secrets')}:/secrets:ro", "--entrypoint", "stat",
                  project.image("redis"), "-c", "%n %a %u", *(f"/secrets/{name}" for name in (
                      "keep", "users.acl", "reader", "api", "worker", "gateway", "ws", "admin"))).stdout
    assert listing.splitlines() == [
        "/secrets/keep 700 0", "/secrets/users.acl 400 10001", "/secrets/reader 400 10001",
        "/secrets/api 400 10002", "/secrets/worker 400 10003", "/secrets/gateway 400 10003",
        "/secrets/ws 400 10004", "/secrets/admin 400 10005"]
    password = project.redis()["password"]
    for container in project.containers(is_running=False):
        assert password not in json.dumps(container)
        for pid in project.processes(container):
            for file in ("environ", "cmdline"):
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # a health check that is over
                    assert password.encode() not in pathlib.Path(f"/proc/{pid}/{file}").read_bytes()


def test_redis_cli_is_a_reader(project, store):
    id_, = place(project, 1)
    store.wait_settled([id_])
    assert "delivered" in project.cli("HGETALL", "order:{s00}:" + id_).stdout.split()
    assert "NOPERM" in project.cli("DEL", "order:{s00}:" + id_).stdout
    limit = project.container("redis")["HostConfig"]["Memory"]
    assert 0 < int(store.redis.config_get("maxmemory")["maxmemory"]) <= limit // 2


@pytest.mark.parametrize("program", ["redis", "tools", "api", "worker", "ws", "nginx"])
def test_an_image_holds_no_more_than_it_runs(built, program):
    image, = inspect(built.image(program))
    labels = image["Config"]["Labels"]
    assert all(labels["org.opencontainers.image." + name] for name in LABELS)
    assert labels["org.opencontainers.image.base.name"] == built.settings["BASE_IMAGE"]
    found = run("docker", "run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh",
                built.image(program), "-c",
                "command -v gcc cc make npm node python3; ls -A /var/lib/apt/lists /var/cache/apt "
                "/src /root/.bash_history /root/.npm 2>/dev/null | grep -v '^/.*:$'; true").stdout
    assert found.split() == []
    print(f"{program}: {image['Size'] / 1e6:.0f} MB")


# ---- up and down ----------------------------------------------------------------------------------

def test_every_health_check_passes(project):
    project.wait_healthy()


def test_orders_outlive_down_and_up(project):
    store = Store(project)
    old = place(project, 5)
    store.wait_settled(old)
    before = {id_: project.http.order(id_) for id_ in old}
    new = place(project, 20)  # not settled yet
    project.down()
    assert not project.containers(is_running=False)
    project.up(**ONE_EACH)
    store = Store(project)
    assert {id_: project.http.order(id_) for id_ in old} == before
    assert {order["status"] for order in store.wait_settled(new).values()} == {"delivered"}
    store.check_everything()


def test_orders_outlive_the_machines_restart(project):
    if not project.engine.process:
        pytest.skip("the engine is not ours: it is not restarted")
    old = place(project, 5)
    Store(project).wait_settled(old)
    before = {id_: project.http.order(id_) for id_ in old}
    new = place(project, 20)
    project.engine.power_cut()
    project.wait_ready()
    store = Store(project)
    assert {id_: project.http.order(id_) for id_ in old} == before
    assert {order["status"] for order in store.wait_settled(new).values()} == {"delivered"}
    store.check_everything()


def test_up_loads_the_functions_again(project, store):
    """As an upgrade would."""
    store.redis.function_delete("gateway")
    project.up(**ONE_EACH)
    eventually(lambda: store.redis.function_list(library="gateway"), "the library")
    store.wait_settled(place(project, 1))


class Commands:
    """Those of redis/README.md for backup and restore, in a folder of their own."""

    def __init__(self, project, folder):
        self.project, self.folder = project, folder
        self.lines = {word: line.strip().removeprefix("docker compose ")
                      for line in (ROOT / "redis" / "README.md").read_text().splitlines()
                      for word in ("backup", "restore")
                      if line.strip().startswith("docker compose run") and f"# {word}" in line}

    def shell(self, command, check=True):
        return run("sh", "-c", " ".join(self.project.engine.compose) + " " + command, cwd=self.folder,
                   env={**self.project.environment(), "COMPOSE_FILE": str(ROOT / "docker-compose.yml")},
                   check=check)

    def run(self, word, check=True):
        return self.shell(self.lines[word], check)


def test_backup_and_restore(project, tmp_path):
    """Functions of another version that the backup may hold are replaced too."""
    store, commands = Store(project), Commands(project, tmp_path)
    ids = place(project, 5)
    store.wait_settled(ids)
    before = {id_: project.http.order(id_) for id_ in ids}
    store.redis.function_delete("gateway")
    for word in ("backup", "restore"):  # Redis runs
        done = commands.run(word, check=False)
        assert done.returncode and "stop it first" in done.stdout + done.stderr
    commands.shell("stop redis")
    commands.run("backup")
    project.down("--volumes")
    project.up(**ONE_EACH)
    assert project.http.get("/order/" + ids[0]).status == 404
    others = place(project, 1)
    Store(project).wait_settled(others)
    commands.shell("stop redis")
    whole = (tmp_path / "orders.tar").read_bytes()
    for cut in (0, len(whole) // 2):
        (tmp_path / "orders.tar").write_bytes(whole[:cut])
        done = commands.run("restore", check=False)
        assert done.returncode and "nothing was changed" in done.stdout + done.stderr
    commands.shell("start redis")
    project.wait_ready()
    assert project.http.get("/order/" + others[0]).status == 200
    (tmp_path / "orders.tar").write_bytes(whole)
    commands.shell("stop redis")
    commands.run("restore")
    commands.shell("start redis load")
    project.wait_ready()
    store = Store(project)
    eventually(lambda: store.redis.function_list(library="gateway"), "the library")
    assert {id_: project.http.order(id_) for id_ in ids} == before
    assert project.http.get("/order/" + others[0]).status == 404
    Store(project).check_everything()


def test_two_redis_never_share_the_orders(project):
    """The second one refuses to start."""
    done = project.compose("run", "--rm", "-T", "--no-deps", "redis", check=False)
    assert done.returncode and "another Redis" in done.stdout + done.stderr
    place(project, 1)


# ---- many of each -----------------------------------------------------------------------------------

def requests_by_container(store):
    """What each API process says that it has answered, summed by container."""
    found = {}
    for key in store.redis.scan_iter(match="live:{s00}:api-*"):
        host = key.split(":")[-1].split("-")[1]
        found[host] = found.get(host, 0) + int(store.redis.hget(key, "requests_total") or 0)
    return found


def hosts(project, service):
    return {container["Config"]["Hostname"] for container in project.containers(service)}


def test_scaling(project, store):
    project.up(api=2, worker=3, ws_bridge=2)
    assert [len(project.containers(name)) for name in ("api", "worker", "ws-bridge")] == [2, 3, 2]

    def both_work():
        before = requests_by_container(store)
        for _ in range(40):
            assert project.http.get("/healthz").status == 200
        return before.keys() >= hosts(project, "api") and eventually(
            lambda: all(requests_by_container(store)[host] > before[host] + 3
                        for host in hosts(project, "api")), "requests", timeout=5)

    def patiently():
        try:
            return both_work()
        except AssertionError:
            return False
    eventually(patiently, "requests to both containers of the API")
    eventually(lambda: len(store.redis.smembers("workers:{s00}")) >= 3, "three workers")
    with contextlib.ExitStack() as stack:
        chatters = [stack.enter_context(Ws(project.port)) for _ in range(6)]
        assert all(ws.status == 101 for ws in chatters)
        eventually(lambda: len({key.split("-")[1] for key in store.redis.scan_iter(
            match="live:{s00}:ws-*") if int(store.redis.hget(key, "ws_clients") or 0) > 0}) == 2,
            "clients on both bridges")
    # Down again, while orders come: those that are there take them.
    ids = place(project, 20)
    project.up(**ONE_EACH)
    ids += place(project, 20)
    store.wait_settled(ids)


# ---- kill -9 ----------------------------------------------------------------------------------------

class Blows:
    """kill -9, at random: of a container's first process, or of one of its others."""

    def __init__(self, project, load):
        self.project, self.load, self.dice = project, load, random.Random(7)
        self.moving_again, self.hit = [], []

    def strike(self, n):
        service = SERVICES[n % len(SERVICES)]
        container = self.dice.choice(self.project.containers(service))
        pids = self.project.processes(container)
        pid = self.dice.choice(pids) if n >= len(SERVICES) else None  # at first each in whole
        at = self.project.kill(container, pid)
        again = eventually(lambda: self.load.first_since(at), "an order after the blow")
        self.moving_again.append(again - at)
        self.hit.append(f"{service}{'' if pid in (None, pids[0]) else ' (child)'}")
        time.sleep(self.dice.uniform(*EVERY_S))


def test_whoever_is_killed_no_order_is_lost(project):
    project.up(api=2, worker=3, ws_bridge=2)
    load = Load(project, RATE, random.Random(7))
    try:
        blows = Blows(project, load)
        eventually(lambda: len(load.acks) > RATE, "the load")
        for n in range(BLOWS):
            blows.strike(n)
    finally:
        unanswered = load.end()
    store = Store(project)
    acknowledged = {ack.id for ack in load.acks}
    store.wait_settled(store.redis.zrange("orders:{s00}:index", 0, -1))
    audit = Audit(store.redis, acknowledged)
    fsck = project.ctl("fsck", check=False)
    print(f"{BLOWS} kills ({', '.join(blows.hit)}): {len(acknowledged)} orders acknowledged, "
          f"{load.failed_attempts} attempts repeated, {audit.lost} lost, "
          f"{audit.captured_twice} captured twice, moving again p50 / p99 / max s "
          f"{figures(blows.moving_again)}, fsck {fsck.returncode}")
    assert (unanswered, audit.lost, audit.captured_twice, audit.faults) == (0, 0, 0, [])
    assert {project.http.order(id_)["status"] for id_ in acknowledged} <= {
        "delivered", "cancelled", "payment_failed"}
    assert fsck.returncode == 0, fsck.stdout + fsck.stderr
    store.check_everything()
