"""tiffin-load: what it writes, what it refuses, and that a refusal leaves everything as it was."""
import json
import os
import shutil
import socket
import subprocess

import pytest
import redis

from functions_client import Functions, snapshot
from functions_server import DEADLINE_S, LOADER, REDIS_DIR, Server

@pytest.fixture
def files(tmp_path):
    """A copy of the catalogue and the functions, to be spoilt."""
    shutil.copytree(REDIS_DIR / "catalogue", tmp_path / "catalogue")
    shutil.copytree(REDIS_DIR / "functions", tmp_path / "functions")
    return tmp_path


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def refused(server, admin, files, *args, loaded=(), **env):
    """Runs it on these files; it must fail in one line and change nothing, after it has loaded
    these libraries. -> the line"""
    admin.delete("catalogue:{s00}")
    before = snapshot(admin)
    done = server.run_loader("--wait", "0", *args, TIFFIN_REDIS_DIR=str(files), **env)
    assert done.returncode == 1
    assert done.stdout == "".join(f"tiffin-load: functions of {name} loaded\n" for name in loaded)
    assert snapshot(admin) == before
    admin.set("catalogue:{s00}", "tests")
    line, = done.stderr.splitlines()
    assert line.startswith("tiffin-load: ")
    return line.replace(str(files) + "/", "")


def test_what_it_writes(server, admin):
    restaurants = json.loads((REDIS_DIR / "catalogue" / "restaurants.json").read_text())
    users = json.loads((REDIS_DIR / "catalogue" / "users.json").read_text())
    assert admin.lrange("restaurants:{s00}", 0, -1) == [r["id"] for r in restaurants["restaurants"]]
    for r in restaurants["restaurants"]:
        found = admin.hgetall("restaurant:{s00}:" + r["id"])
        assert json.loads(found.pop("menu")) == r["menu"]
        assert json.loads(found.pop("reviews")) == r["reviews"]
        expected = {"price:" + i["name"]: str(i["price_cents"]) for i in r["menu"]}
        expected.update({name: str(r[name]) for name in ("id", "name", "cuisine", "rating",
                                                         "currency")})
        assert found == expected
    for u in users["users"]:
        found = admin.hgetall("user:{s00}:" + u["id"])
        assert json.loads(found.pop("notifications")) == u["notifications"]
        assert found == {name: str(u[name]) for name in u if name != "notifications"}


def test_the_promised_restaurant(admin):
    spoon = admin.hgetall("restaurant:{s00}:resto_123")
    assert (spoon["name"], spoon["cuisine"], spoon["rating"]) == \
        ("The Spicy Spoon", "Indian", "4.7")
    assert [i["name"] for i in json.loads(spoon["menu"])][:3] == ["Curry", "Naan", "Samosa"]
    assert json.loads(spoon["reviews"])[:2] == ["'Amazing food!'", "'A bit spicy for me.'"]
    assert admin.llen("restaurants:{s00}") >= 6 and admin.exists("user:{s00}:123")


def test_a_catalogue_that_is_there_stays(server, admin):
    admin.hset("restaurant:{s00}:resto_123", "price:Curry", 1)
    assert server.run_loader().returncode == 0
    assert admin.hget("restaurant:{s00}:resto_123", "price:Curry") == "1"
    assert server.run_loader("--replace-catalogue").returncode == 0
    assert admin.hget("restaurant:{s00}:resto_123", "price:Curry") == "1250"


def test_replacing_removes_what_is_gone(server, admin, files):
    def change(data):
        del data["restaurants"][-1]
        del data["restaurants"][0]["menu"][1]

    gone = admin.lindex("restaurants:{s00}", -1)
    edit(files / "catalogue" / "restaurants.json", change)
    edit(files / "catalogue" / "users.json",
         lambda data: data["users"][-1].update(favourite="resto_123"))
    done = server.run_loader("--replace-catalogue", "--catalogue", str(files / "catalogue"))
    assert done.returncode == 0, done.stderr
    assert not admin.exists("restaurant:{s00}:" + gone)
    assert not admin.hexists("restaurant:{s00}:resto_123", "price:Naan")
    assert server.run_loader("--replace-catalogue").returncode == 0
    assert admin.exists("restaurant:{s00}:" + gone)


R, U = "restaurants", "users"


def first(data, name):
    return data[name][0]


@pytest.mark.parametrize("name, change, says", [
    (R, lambda d: first(d, R).update(rating="4.7"), "(resto_123): rating must be"),
    (R, lambda d: first(d, R).update(rating=5.1), "rating must be a number from 0 to 5"),
    (R, lambda d: first(d, R).update(rating=float("nan")), "rating"),
    (R, lambda d: first(d, R).update(currency="usd"), "currency must be three capital letters"),
    (R, lambda d: first(d, R).update(id="a:b"), "restaurants[0]: id must be"),
    (R, lambda d: first(d, R).update(id=""), "restaurants[0]: id must be"),
    (R, lambda d: first(d, R).update(name="x" * 41), "name must be a text of 1 to 40 bytes"),
    (R, lambda d: first(d, R).update(name="x\ny"), "name must be"),
    (R, lambda d: first(d, R).update(name="x\u0000y"), "name must be"),
    (R, lambda d: first(d, R).update(name="x\u0085y"), "name must be"),
    (R, lambda d: first(d, R).update(name=None), "name must be"),
    (R, lambda d: first(d, R).pop("cuisine"), "cuisine is missing"),
    (R, lambda d: first(d, R).update(rateing=1), "rateing is not a field we know"),
    (R, lambda d: first(d, R).update(reviews=[]), "reviews must be a list"),
    (R, lambda d: first(d, R).update(reviews=[1]), "reviews must be a list"),
    (R, lambda d: first(d, R).update(menu=[]), "menu must be a list"),
    (R, lambda d: first(d, R).update(menu=["Curry"]), "menu[0]. must be an object"),
    (R, lambda d: first(d, R)["menu"][2].update(price_cents=0), "menu[2].price_cents must be"),
    (R, lambda d: first(d, R)["menu"][2].update(price_cents=12.5), "menu[2].price_cents must be"),
    (R, lambda d: first(d, R)["menu"][2].update(price_cents=10**15), "menu[2].price_cents must"),
    (R, lambda d: first(d, R)["menu"][2].update(name="Curry"), "menu[2].name is on the menu twice"),
    (R, lambda d: d[R][3].update(id="resto_123"), "restaurants[3] (resto_123): id is used twice"),
    (R, lambda d: d.update({R: []}), 'one list of 1 to 100 entries, "restaurants"'),
    (R, lambda d: d.update(more=1), 'one list of 1 to 100 entries, "restaurants"'),
    (R, lambda d: d[R].append(7), "the entry must be an object"),
    (U, lambda d: first(d, U).update(member_since="14.3.2021"), "(123): member_since must be"),
    (U, lambda d: first(d, U).update(member_since="2021-13-01"), "(123): member_since must be"),
    (U, lambda d: first(d, U).update(loyalty_points=-1), "loyalty_points must be"),
    (U, lambda d: first(d, U).update(favourite="resto_9"), "favourite is not a restaurant's id"),
    (U, lambda d: first(d, U).update(notifications="x"), "notifications must be a list"),
])
def test_a_mistake_in_the_catalogue_is_named(server, admin, files, name, change, says):
    edit(files / "catalogue" / f"{name}.json", change)
    line = refused(server, admin, files)
    assert f"catalogue/{name}.json: " in line and says in line


@pytest.mark.parametrize("text, says", [
    (b'{"restaurants": [', "line 1: it ends too early"),
    (b'{\n"restaurants": [\n{]}\n', "line 3: "),
    (b"{} {}", "line 1: "),
    (b"", "it ends too early"),
    (b"[]", "must be an object with one list"),
    (b'{"restaurants": [{"id": "\xff"}]}', "line 1: "),
    (b"[" * 100, "line 1: "),
])
def test_what_is_no_json_is_refused(server, admin, files, text, says):
    (files / "catalogue" / "restaurants.json").write_bytes(text)
    assert says in refused(server, admin, files)


def test_missing_files(server, admin, files):
    (files / "catalogue" / "users.json").unlink()
    assert "cannot open catalogue/users.json" in refused(server, admin, files)
    shutil.rmtree(files / "functions")
    (files / "functions").mkdir()
    shutil.copy(REDIS_DIR / "catalogue" / "users.json", files / "catalogue")
    assert "functions must hold 1 to 32 *.lua files" in refused(server, admin, files)


def test_a_library_that_does_not_compile(server, admin, files):
    (files / "functions" / "gateway.lua").write_text("#!lua name=gateway\nend end")
    assert "functions/gateway.lua: " in refused(server, admin, files)
    assert Functions(server.client("gateway")).charge("k") == ["captured", 1], "the old one"
    admin.delete("gateway:{s00}:k")


def insert_line(path, text):
    """As its second line, behind a comment."""
    path.write_text(f"--\n{text}\n" + path.read_text())


@pytest.mark.parametrize("text, says", [
    ("end", "'<eof>' expected near 'end'"), ("frist()", "nonexistent global variable 'frist'")])
def test_a_mistake_in_a_part_is_named_with_its_line(server, admin, files, text, says):
    part = files / "functions" / "tiffin" / "09-stats.lua"
    insert_line(part, text)
    said = refused(server, admin, files, loaded=["gateway"])
    assert said.startswith("tiffin-load: functions/tiffin: ")
    assert f" {part.name}:2: " in said and says in said


def test_an_end_that_is_missing_is_named_where_it_is_missed(server, admin, files):
    """Lua sees it at the end of the last part, and says what it belongs to."""
    part = files / "functions" / "tiffin" / "09-stats.lua"
    insert_line(part, "if redis then")
    assert f"(to close 'if' at {part.name}:2)" in refused(server, admin, files, loaded=["gateway"])


def test_the_number_in_an_error_says_part_and_line(server, files):
    """The line that a program logs, when a function fails while it runs."""
    part = files / "functions" / "tiffin" / "09-stats.lua"
    text = part.read_text()
    part.write_text(text + "register('fails', function() return nil .. '' end, 'no-writes')\n")
    try:
        assert server.run_loader(TIFFIN_REDIS_DIR=str(files)).returncode == 0
        with pytest.raises(redis.exceptions.ResponseError) as error:
            server.client("admin").fcall("fails", 0)
        assert f"user_function:{9000 + len(text.splitlines()) + 1}: " in str(error.value)
    finally:
        assert server.run_loader().returncode == 0


@pytest.mark.parametrize("name, text, says", [
    ("11-more.lua", "--\n" * 1000, "functions/tiffin/11-more.lua has more than 999 lines"),
    ("more.lua", "", "functions/tiffin/more.lua is no name of a part"),
    ("10-second.lua", "", "functions/tiffin/10-second.lua needs a higher number"),
])
def test_a_part_that_has_no_place_is_refused(server, admin, files, name, text, says):
    (files / "functions" / "tiffin" / name).write_text(text)
    assert says in refused(server, admin, files)


def test_printing_what_is_loaded(server):
    done = server.run_loader("--print", "tiffin")
    [library] = server.client("admin").execute_command(
        "FUNCTION", "LIST", "LIBRARYNAME", "tiffin", "WITHCODE")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == dict(zip(library[::2], library[1::2]))["library_code"]
    done = server.run_loader("--print", "kitchen")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tiffin-load: there is no library kitchen\n"


@pytest.mark.parametrize("setting, bad, good", [
    ("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "yes")])
def test_a_redis_that_would_lose_orders(server, admin, files, setting, bad, good):
    admin.config_set(setting, bad)
    try:
        line = refused(server, admin, files)
    finally:
        admin.config_set(setting, good)
        while admin.info("persistence")["aof_rewrite_in_progress"]:
            pass
    assert f"Redis has {setting} {bad}, it must be {good}" in line


def test_a_redis_that_would_not_replay_its_file(server, admin, files):
    admin.execute_command("ACL", "SETUSER", "default", "-@all")
    try:
        assert "user default has no rights" in refused(server, admin, files)
    finally:
        admin.execute_command("ACL", "SETUSER", "default", "+@all")


def test_wrong_password_and_nobody_there(server, admin, files):
    (files / "admin").write_text("wrong\n")
    assert "does not let admin in" in refused(server, admin, files, TIFFIN_SECRETS_DIR=str(files))
    (files / "admin").write_text("\n")
    assert "admin is empty" in refused(server, admin, files, TIFFIN_SECRETS_DIR=str(files))
    assert "no Redis at nowhere.sock after 0 s" in refused(
        server, admin, files, TIFFIN_REDIS=str(files / "nowhere.sock"))
    assert "must be the path of a socket, host:port" in refused(
        server, admin, files, TIFFIN_REDIS="localhost:x")


@pytest.mark.parametrize("args, says", [
    (["--wait", "soon"], "--wait must be a number"), (["--colour"], "unknown option"),
    (["--wait"], "missing value"), (["file"], "unexpected argument: file")])
def test_bad_arguments(server, args, says):
    done = server.run_loader(*args)
    assert done.returncode == 1 and says in done.stderr


def test_help(server):
    done = server.run_loader("--help")
    assert done.returncode == 0 and "--replace-catalogue" in done.stdout and done.stderr == ""
    done = server.run_loader("--version")
    assert done.returncode == 0 and done.stdout.startswith("tiffin-load ") and done.stderr == ""


def test_it_waits_for_redis(tmp_path):
    server = Server(tmp_path)
    loader = subprocess.Popen(
        [LOADER, "--wait", str(DEADLINE_S)], stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "TIFFIN_RUN_DIR": str(tmp_path),
             "TIFFIN_REDIS_DIR": str(REDIS_DIR)})
    try:
        server.start()
        assert "catalogue written" in loader.communicate(timeout=DEADLINE_S)[0]
        assert loader.returncode == 0
    finally:
        server.stop()


def test_two_loaders_at_once(server, admin):
    admin.delete("catalogue:{s00}")
    loaders = [subprocess.Popen(
        [LOADER], stdout=subprocess.PIPE, text=True,
        env={"TIFFIN_RUN_DIR": str(server.folder), "TIFFIN_REDIS_DIR": str(REDIS_DIR)})
        for _ in range(4)]
    said = [loader.communicate(timeout=DEADLINE_S)[0] for loader in loaders]
    assert [loader.returncode for loader in loaders] == [0] * 4
    assert sum("catalogue written" in text for text in said) == 1


def test_over_tcp(tmp_path):
    with socket.socket() as held:  # so that nobody else gets it; Redis may: both reuse addresses
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
        server = Server(tmp_path, "--port", port)
        server.start()
        try:
            done = server.run_loader(TIFFIN_REDIS="127.0.0.1:" + port)
            assert done.returncode == 0, done.stderr
        finally:
            server.stop()
