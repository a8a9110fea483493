"""Names stand once in C, once in Lua, once in these tests: here they meet."""
import re

import pytest

import functions_client
from functions_client import (CHAT_CHANNEL, CHAT_KEYS, LIVE, PRESENT, active_key, heartbeat_key,
                              job_key)
from functions_server import REDIS_DIR, ROOT

KEYS_H = ROOT / "fcgi" / "order" / "keys.h"
pytestmark = pytest.mark.skipif(not KEYS_H.exists(), reason="no C yet")


def defined():
    """What keys.h defines: {name: text}."""
    pairs = re.findall(r"^#define (\w+) (.+)$", KEYS_H.read_text(), re.M)
    return {name: "".join(re.findall(r'"([^"]*)"', text.replace("SHARD", '"{s00}"')))
            for name, text in pairs}


def test_function_names_and_version(admin, api):
    listed = admin.execute_command("FUNCTION", "LIST")
    names = {dict(zip(f[::2], f[1::2]))["name"]
             for library in listed for f in dict(zip(library[::2], library[1::2]))["functions"]}
    c = defined()
    assert {text for name, text in c.items() if name.startswith("FN_")} <= names
    assert c["LIBRARY_VERSION"] == api.library_version()


def test_key_names():
    c = defined()
    for name in ("READY", "DELAYED", "DEAD", "PAUSED", "WORKERS", "PULSE", "COUNT", "EVENTS", "INDEX",
                 "CHAT_LOG", "RETENTION"):
        assert c["KEY_" + name] == getattr(functions_client, name)
    assert c["KEY_PROCESSES"] == LIVE
    assert c["CHANNEL_CHAT"] == CHAT_CHANNEL
    assert c["KEY_CHAT_PRESENT"] == PRESENT
    assert c["KEY_CHAT_KEYS"] == CHAT_KEYS
    assert c["KEY_ORDER_PREFIX"] + "order_x" == job_key("order_x")
    assert c["KEY_UPDATE_PREFIX"] + "update_x" == job_key("update_x")
    assert c["KEY_ACTIVE_PREFIX"] + "w" == active_key("w")
    assert c["KEY_WORKER_PREFIX"] + "w" == heartbeat_key("w")


def test_every_key_is_known_to_the_acl():
    template = (REDIS_DIR / "users.acl").read_text()
    families = {pattern.split(":{s*}")[0] for pattern in re.findall(r"~(\S+)", template)}
    for name, text in defined().items():
        if name.startswith("KEY_") and "{s00}" in text:
            assert text.split(":{s00}")[0] in families, name
