"""Who may do what. A function runs with its caller's rights, and a right missing in its middle
would leave half a fact: so every function is called as every user, and each user's own commands are
asked for too. (That the right users get through every branch is shown by the other tests here: they
sign in as api, worker and gateway, never as admin.)"""
import re
import stat

import pytest
import redis

from functions_client import (CHAT_KEYS, CHAT_LOG, COUNT, DEAD, DELAYED, EVENTS, FAR_AWAY_MS,
                              HOUR_MS, INDEX, PAUSED, READY, WORKERS, Functions, Worker,
                              active_key, heartbeat_key, job_key, new_id, snapshot)
from functions_pipe import Batch, Pipe, encode
from functions_server import REDIS_DIR, USERS, Server

ORDER, UPDATE = new_id(), new_id("update")
DEAD_ORDER, DEAD_UPDATE, GONE = new_id(), new_id("update"), new_id()
SETTLED, LEAVING, HELD = new_id(), new_id(), new_id()

# function: (who may call it, a call that would change something, were it allowed)
CALLS = {
    "place_orders": ({"api"}, lambda f: f.place(new_id(), user="123", key="k", fingerprint="f",
                                                age_limit=HOUR_MS)),
    "place": ({"api"}, lambda f: f.place_version2(new_id())),
    "accept_update": ({"api"}, lambda f: f.accept_update(new_id("update"), key="k",
                                                         fingerprint="f")),
    # whoever may step an order may also write what cancel writes; publish an update, speak
    "cancel": ({"api", "worker"}, lambda f: f.cancel(ORDER)),
    "beat": ({"worker"}, lambda f: f.beat_all("w9")),
    "clock_set": ({"worker"}, lambda f: f.clock_set(FAR_AWAY_MS, 1000)),
    "claim": ({"worker"}, lambda f: f.claim("w3", 1)),
    "begin_jobs": ({"worker"}, lambda f: f.begin_jobs("w3", (HELD, "pay"))),
    "step_jobs": ({"worker"}, lambda f: f.step_jobs("w3", (HELD, 1, "payment", "declined", 0))),
    "active": ({"worker"}, lambda f: f.active("w3", "range", 0, -1)),
    "take": ({"worker"}, lambda f: f.take("w1", 1)),
    "begin": ({"worker"}, lambda f: f.begin("w1", ORDER)),
    "intent": ({"worker"}, lambda f: f.intent("w1", ORDER, 1, "pay")),
    "step": ({"worker"}, lambda f: f.step("w1", ORDER, 1, "payment")),
    "trim": ({"worker"}, lambda f: f.trim([GONE])),
    "live_write": ({"api", "worker", "ws"}, lambda f: f.live_write("api-1", "a", 1)),
    "oldest": ({"worker"}, lambda f: f.oldest("w1")),
    "release": ({"worker"}, lambda f: f.release([GONE, SETTLED])),
    "forget": ({"worker"}, lambda f: f.forget([LEAVING])),
    "fail": ({"worker"}, lambda f: f.fail("w1", ORDER, 1)),
    "publish_update": ({"worker"}, lambda f: f.publish_update("w1", UPDATE, 1)),
    "chat_post": ({"ws"}, lambda f: f.chat_post("Hello", key="0123456789abcdef")),
    "chat_beat": ({"ws"}, lambda f: f.chat_beat("b1")),
    "reap": ({"worker"}, lambda f: f.reap_by_clock("w0", [ORDER], FAR_AWAY_MS)),
    "leave": ({"worker"}, lambda f: f.leave("w1", [ORDER])),
    "stats": ({"api"}, lambda f: f.stats(["w1", "w3"])),
    # admin's alone: what is dead has failed for a reason that no program knows
    "requeue": (set(), lambda f: f.requeue(DEAD_ORDER)),
    "discard": (set(), lambda f: f.discard(DEAD_UPDATE)),
    "settle": (set(), lambda f: f.settle(DEAD_ORDER, "not_charged")),
    "pause": (set(), lambda f: f.pause()),
    "resume": (set(), lambda f: f.resume()),
    "repair_place": (set(), lambda f: f.fcall(
        "repair_place", [job_key(GONE), READY, DELAYED, DEAD, WORKERS,
                         heartbeat_key("w1"), active_key("w1"),
                         heartbeat_key("w3"), active_key("w3")], GONE, "w1", "w3")),
    "repair_record": (set(), lambda f: f.fcall("repair_record", [job_key(GONE), INDEX],
                                               GONE, 1, 1)),
    "repair_counts": (set(), lambda f: f.fcall(
        "repair_counts", [COUNT, READY, DELAYED, DEAD, WORKERS,
                          active_key("w1"), active_key("w3")])),
    "ready": ({"api", "worker", "ws"}, lambda f: f.ready()),
    "library_version": ({"api", "worker", "ws"}, lambda f: f.library_version()),
    "gateway_charge": ({"gateway"}, lambda f: f.charge("pay")),
    "gateway_refund": ({"gateway"}, lambda f: f.refund("paid")),
    "gateway_forget": ({"gateway"}, lambda f: f.gateway_forget(["paid"])),
}


def make_busy(server):
    """An order and an update in w1's hands, an order in those of w3, one order waiting, one of each dead, one order that is
    gone but for its place in the index, two settled, of which one leaves, a charge, a paused
    queue."""
    admin = server.client("admin")
    api, worker, gateway = (Functions(server.client(u)) for u in ("api", "worker", "gateway"))
    api.place(ORDER)
    api.accept_update(UPDATE)
    api.place(DEAD_ORDER)
    api.accept_update(DEAD_UPDATE)
    w = Worker(worker)
    assert w.take(4) == [ORDER, UPDATE, DEAD_ORDER, DEAD_UPDATE]
    for id_ in (DEAD_ORDER, DEAD_UPDATE):
        worker.fail("w1", id_, w.begin(id_), allowed=1)
    assert w.begin(ORDER) == w.begin(UPDATE) == 1
    worker.intent("w1", ORDER, 1, "pay")
    for id_ in (SETTLED, LEAVING):
        api.place(id_)
        w.pay(id_, "declined")
    worker.release([LEAVING])
    api.place(HELD)
    worker.beat("w3")
    assert worker.claim("w3", 1) == [-1, HELD]
    assert worker.begin_jobs("w3", (HELD, "pay"))[0][:2] == ["begun", 1]
    api.place(new_id())
    gateway.charge("paid")
    Functions(server.client("ws")).chat_beat("b1")
    admin.zadd(INDEX, {GONE: 1})
    Functions(admin).pause()


@pytest.fixture
def busy(server):
    make_busy(server)
    return server


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
@pytest.mark.parametrize("name", CALLS)
def test_every_function_as_every_user(busy, admin, name, user):
    allowed, call = CALLS[name]
    functions = Functions(busy.client(user))
    before = snapshot(admin)
    if user in allowed:
        call(functions)
        return
    # at the door, or inside at its first write
    with pytest.raises(redis.ResponseError, match="permission|can't (run|access)"):
        call(functions)
    assert snapshot(admin) == before


def test_every_function_of_the_libraries_is_in_this_table(admin):
    listed = admin.execute_command("FUNCTION", "LIST")
    names = {dict(zip(f[::2], f[1::2]))["name"]
             for library in listed for f in dict(zip(library[::2], library[1::2]))["functions"]}
    assert names == set(CALLS)


ORDER_KEY, UPDATE_KEY = job_key(ORDER), job_key(UPDATE)
ACTIVE, BEAT = active_key("w1"), heartbeat_key("w1")
LIVE, LIVE_ONE, PRESENT = "live:{s00}", "live:{s00}:api-1", "chat:{s00}:present"
LIVE_WRITES = [f"HSET {LIVE_ONE} a 1", f"HINCRBY {LIVE_ONE} a 1", f"PEXPIRE {LIVE_ONE} 3000",
               f"EXPIRE {LIVE_ONE} 3", f"ZADD {LIVE} 1 api-1", f"ZRANGEBYSCORE {LIVE} 0 1",
               f"ZREMRANGEBYSCORE {LIVE} 0 1", f"ZREM {LIVE} api-1", f"ZCARD {LIVE}",
               f"ZRANGE {LIVE} 0 -1", f"DEL {LIVE_ONE}"]
SESSION = ["PING", "TIME", "ROLE", "CLIENT SETNAME x"]

MAY = {
    "api": SESSION + LIVE_WRITES + [
        "WAIT 1 500",
        "INFO", f"HMGET {ORDER_KEY} status", f"HGET {ORDER_KEY} status", f"HGETALL {ORDER_KEY}",
        f"EXISTS {ORDER_KEY}", f"HGETALL {UPDATE_KEY}", "HGETALL count:{s00}",
        "HMGET restaurant:{s00}:resto_123 name", "HGETALL user:{s00}:123",
        "LRANGE restaurants:{s00} 0 -1", "LRANGE user:{s00}:123:orders 0 9",
        "LLEN restaurants:{s00}", "LLEN user:{s00}:123:orders", f"LLEN {READY}",
        f"LLEN {ACTIVE}", f"ZCARD {DELAYED}", f"ZCARD {DEAD}", f"SMEMBERS {WORKERS}",
        f"LRANGE {READY} -1 -1", f"EXISTS {BEAT}", f"GET {BEAT}", f"ZCARD {INDEX}",
        f"ZRANGE {INDEX} 0 1", f"ZCOUNT {INDEX} 0 1",
        "GET catalogue:{s00}", "EXISTS catalogue:{s00}", "GET idem:{s00}:k", f"HGETALL {LIVE_ONE}",
        f"ZCARD {PRESENT}", f"ZRANGE {PRESENT} 0 -1",
        f"XREAD BLOCK 1 STREAMS {EVENTS} $", f"XRANGE {EVENTS} - +",
        f"XREVRANGE {EVENTS} + - COUNT 1", f"XINFO STREAM {EVENTS}"],
    "worker": SESSION + LIVE_WRITES + [
        "WAIT 1 500",
        f"LRANGE {ACTIVE} 0 -1", f"LLEN {ACTIVE}", f"SMEMBERS {WORKERS}",
        f"EXISTS {BEAT}", f"BLMOVE {READY} {READY} RIGHT RIGHT 1",
        f"HMGET {ORDER_KEY} step", "HGET count:{s00} placed", "INFO memory"],
    "ws": SESSION + LIVE_WRITES[:1] + LIVE_WRITES[2:3] + LIVE_WRITES[4:5] + LIVE_WRITES[6:7] + [
        "SUBSCRIBE chat:{s00}", f"XRANGE {CHAT_LOG} - +", f"XREVRANGE {CHAT_LOG} + -",
        f"FCALL chat_post 3 count:{{s00}} {CHAT_LOG} {CHAT_KEYS}",
        f"FCALL chat_beat 2 {PRESENT} count:{{s00}}", "FCALL_RO library_version 0",
        "PUBLISH chat:{s00} x"],
    "gateway": SESSION + ["HGETALL gateway:{s00}:pay"],
    "replica": ["PING", "PSYNC ? -1", "REPLCONF ACK 1"],
    "sentinel": ["PING", "INFO", "ROLE", "MULTI", "EXEC", "SLAVEOF NO ONE", "CONFIG REWRITE",
                 "CLIENT SETNAME x", "CLIENT KILL TYPE normal", "SCRIPT KILL",
                 "PUBLISH __sentinel__:hello x", "SUBSCRIBE __sentinel__:hello"],
    "metrics": SESSION + [
        "INFO", "HGETALL count:{s00}", f"HGETALL {LIVE_ONE}", f"LLEN {READY}", f"LLEN {ACTIVE}",
        f"HLEN {ACTIVE}", f"ZCARD {DELAYED}", f"ZCARD {DEAD}", f"SMEMBERS {WORKERS}",
        f"EXISTS {BEAT}", f"XLEN {EVENTS}", f"XLEN {CHAT_LOG}", "HMGET count:{s00} placed settled",
        "HGET count:{s00} placed", f"SCARD {WORKERS}", f"ZCARD {PRESENT}",
        f"ZCOUNT {PRESENT} 0 1", f"ZCARD {INDEX}", f"ZCOUNT {INDEX} 0 1",
        f"ZCARD {LIVE}", f"ZCOUNT {LIVE} 0 1", f"ZRANGE {LIVE} 0 -1",
        f"ZRANGEBYSCORE {LIVE} 0 1"],
    "reader": SESSION + [
        "INFO", "COMMAND", "COMMAND DOCS get", "SCAN 0", f"HGETALL {ORDER_KEY}",
        f"TYPE {ORDER_KEY}",
        f"LRANGE {READY} 0 -1", f"ZRANGE {DEAD} 0 -1", f"XREAD STREAMS {EVENTS} 0",
        f"XINFO STREAM {EVENTS}", f"MEMORY USAGE {ORDER_KEY}", f"OBJECT ENCODING {ORDER_KEY}",
        "HGETALL gateway:{s00}:pay", f"TTL {ORDER_KEY}", "SUBSCRIBE chat:{s00}", "UNSUBSCRIBE",
        "PSUBSCRIBE chat:{s*}", "PUNSUBSCRIBE", "ECHO x", "SELECT 0", "CLIENT GETNAME"],
}

NOBODY = ["FLUSHALL", "CONFIG GET x", "CONFIG SET save x", "SHUTDOWN", "DEBUG SLEEP 0", "KEYS *",
          "ACL LIST", "ACL SETUSER x", "FUNCTION LIST", "FUNCTION DELETE tiffin", "EVAL x 0",
          "SCRIPT FLUSH", "MONITOR", "SAVE", "BGREWRITEAOF", "REPLICAOF a 1", "CLIENT KILL x",
          "CLIENT LIST", "MODULE LIST", "SLOWLOG GET", f"DEL {ORDER_KEY}", "SET other 1",
          "SUBSCRIBE other", "PSUBSCRIBE *", "RENAME a b", "HSET restaurant:{s00}:resto_123 x 1",
          "DEL catalogue:{s00}", f"DEL {EVENTS}"]
TRIM = [f"XTRIM {EVENTS} MAXLEN 0", f"XTRIM {CHAT_LOG} MAXLEN 0"]
ORDER_WRITES = [f"HSET {ORDER_KEY} status delivered", f"LPUSH {READY} x"]
MAY_NOT = {
    "api": [f"LREM {ACTIVE} 1 x", f"ZADD {DEAD} 1 x", f"SADD {WORKERS} x", f"SET {BEAT} 1",
            "HGETALL gateway:{s00}:pay", "SUBSCRIBE chat:{s00}", "PUBLISH chat:{s00} x",
            f"XRANGE {CHAT_LOG} - +", "SET catalogue:{s00} 1", "HSET user:{s00}:123 name x",
            f"LRANGE {ACTIVE} 0 -1", f"ZRANGE {DEAD} 0 -1", f"ZRANGE {DELAYED} 0 -1",
            f"SET {PAUSED} 1", f"DEL {PAUSED}", f"ZREM {INDEX} x",
            f"FCALL stats 2 {COUNT} {WORKERS}", f"ZREM {DEAD} x", f"FCALL_RO x 1 {ORDER_KEY}"],
    "worker": ["HGETALL gateway:{s00}:pay", "GET idem:{s00}:k", "HGETALL user:{s00}:123",
               "SUBSCRIBE chat:{s00}", f"ZREM {DEAD} x", f"ZRANGE {DEAD} 0 -1",
               f"XRANGE {EVENTS} - +", f"SET {PAUSED} 1", f"DEL {PAUSED}",
               f"ZADD {INDEX} 1 x", f"ZRANGEBYSCORE {INDEX} 0 1", f"DEL {ORDER_KEY}",
               f"FCALL place 2 {READY} {INDEX}", f"HGETALL {COUNT}"],
    "ws": ORDER_WRITES + ["INFO", f"HGETALL {ORDER_KEY}", f"XRANGE {EVENTS} - +",
                          "HGETALL user:{s00}:123", f"ZRANGE {INDEX} 0 -1"],
    "gateway": ORDER_WRITES + ["INFO", f"HGETALL {ORDER_KEY}", "HGETALL count:{s00}",
                               "DEL gateway:{s00}:pay"],
    "replica": ORDER_WRITES + [f"HGETALL {ORDER_KEY}", "INFO", "ROLE"],
    "sentinel": ORDER_WRITES + [f"HGETALL {ORDER_KEY}", "PSYNC ? -1", "PUBLISH chat:{s00} x"],
    # figures, but never an order's id
    "metrics": ORDER_WRITES + LIVE_WRITES[:5] + [
        f"HGETALL {ORDER_KEY}", f"LRANGE {READY} 0 -1", f"ZRANGE {INDEX} 0 -1",
        f"ZRANGE {DEAD} 0 -1", f"XRANGE {EVENTS} - +", f"XINFO STREAM {EVENTS}", "SCAN 0",
        "HINCRBY count:{s00} placed 1"],
    "reader": ORDER_WRITES + LIVE_WRITES[:5] + ["PUBLISH chat:{s00} x", f"EXPIRE {ORDER_KEY} 1"],
}


def dry_run(admin, user, line):
    return admin.execute_command("ACL", "DRYRUN", user, *line.split(" "))


@pytest.mark.parametrize("user", MAY)
def test_each_users_own_commands(admin, user):
    refused = {line: dry_run(admin, user, line) for line in MAY[user]}
    assert {line: why for line, why in refused.items() if why != "OK"} == {}


@pytest.mark.parametrize("user", MAY_NOT)
def test_what_each_user_is_refused(admin, user):
    lines = NOBODY + MAY_NOT[user] + (TRIM if user != "worker" else [])
    if user == "sentinel":
        lines.remove("CLIENT KILL x")  # it ends the connections to a master that was
    assert [line for line in lines if dry_run(admin, user, line) == "OK"] == []


# each right is needed


def family(part):
    """What the template tells apart: a key without its id."""
    if "{s00}" not in part:
        return ""
    return re.sub(r"^((?:jobs|chat|orders):[^:]+:\w+|\w+:[^:]+).*?(:orders)?$", r"\1\2", part)


def needs_of(server):
    """What each user must be able to run: what its functions call inside, seen by MONITOR while
    short walks and the calls above go through every branch, and its own commands.
    -> {user: [command, ...]}, one of a kind"""
    watch, do = Pipe(server, "admin"), Pipe(server, "admin")
    watch.send(encode(("MONITOR",)))
    assert watch.receive(1) == ["+OK"]
    batch = Batch("rights", range(120))
    do.send("".join(batch.text))
    batch.compare(do.receive(len(batch.lines)))
    make_busy(server)
    for _, call in CALLS.values():
        try:
            call(Functions(server.client("admin")))
        except redis.ResponseError:
            pass  # an earlier one has moved the job on
    server.client("admin").echo("that was all")

    needs, users = {user: {} for user in MAY}, ()
    for line in watch.receive_until("that was all"):
        command = [part.encode().decode("unicode_escape")
                   for part in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
        if command[0].upper() in ("FCALL", "FCALL_RO"):
            users = CALLS[command[1]][0] - ({"worker"} if command[1] == "cancel" else set())
        elif " lua]" not in line:
            users = ()
        for user in users:
            kind = (command[0].lower(), frozenset(map(family, command[1:])))
            needs[user].setdefault(kind, command)
    for user, lines in MAY.items():
        needs[user].update({line: line.split(" ") for line in lines})
    return {user: list(commands.values()) for user, commands in needs.items()}


def rules():
    """The template: {user: [token or [token, ...] for a bracket, ...]}."""
    text = re.sub(r"(?m)^\s*#.*$", "", (REDIS_DIR / "users.acl").read_text())
    found = {}
    for user, rest in re.findall(r"(?ms)^user (\w+) on @PASSWORD@(.*?)(?=^user |\Z)", text):
        found[user] = [part[2:-2].split() if part[0] == "(" else part
                       for part in re.findall(r"\( .*? \)|\S+", " ".join(rest.split()))]
    return found


def without_one(parts):
    """-> (the right that is left out, the rest as arguments of ACL SETUSER), for each right"""
    for i, part in enumerate(parts):
        for k in range(len(part)) if isinstance(part, list) else [None]:
            token = part if k is None else part[k]
            if token[0] not in "+%~&":
                continue
            rest = [] if k is None else [part[:k] + part[k + 1:]]
            yield token, [p if isinstance(p, str) else "(" + " ".join(p) + ")"
                          for p in parts[:i] + rest + parts[i + 1:]]


def concerns(token, command):
    """May this command depend on this right at all?"""
    if token[0] == "+":
        return token[1] == "@" or token[1:].split("|")[0] == command[0].lower()
    prefix = token.lstrip("%R~&").split("{")[0].rstrip("*")
    return any(part.startswith(prefix) for part in command[1:])


def test_each_right_is_needed(server, admin):
    needs, needless = needs_of(server), []
    for user in MAY:
        parts = rules()[user]
        refused = [command for command in needs[user]
                   if admin.execute_command("ACL", "DRYRUN", user, *command) != "OK"]
        assert refused == [], user
        for token, rest in without_one(parts):
            pipe = admin.pipeline(transaction=False)
            pipe.execute_command("ACL", "SETUSER", "mutant", "reset", *rest)
            for command in needs[user]:
                if concerns(token, command):
                    pipe.execute_command("ACL", "DRYRUN", "mutant", *command)
            if set(pipe.execute()[1:]) <= {"OK"}:
                needless.append(f"{user}: {token}")
    admin.acl_deluser("mutant")
    assert needless == []


def test_nobody_comes_in_without_a_name(server):
    anonymous = redis.Redis(unix_socket_path=server.socket)
    with pytest.raises(redis.exceptions.AuthenticationError):
        anonymous.ping()
    wrong = redis.Redis(unix_socket_path=server.socket, username="api", password="x")
    with pytest.raises((redis.exceptions.ResponseError, redis.exceptions.AuthenticationError),
                       match="WRONGPASS|invalid username"):
        wrong.ping()


def test_passwords_are_private_and_kept(server, tmp_path):
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    other = Server(tmp_path)
    assert mode(tmp_path / "secrets") == 0o700 and mode(tmp_path / "users.acl") == 0o600
    first = {user: other.password(user) for user in USERS}
    assert len(set(first.values())) == len(USERS)
    for user, password in first.items():
        assert mode(tmp_path / "secrets" / user) == 0o600 and len(password) >= 32
        assert password not in (tmp_path / "users.acl").read_text()
        assert password != server.password(user)
    (tmp_path / "secrets" / "ws").unlink()
    Server(tmp_path)
    assert {user: other.password(user) for user in USERS if user != "ws"} \
        == {user: password for user, password in first.items() if user != "ws"}
    assert other.password("ws") != first["ws"]
