#!/usr/bin/env python3
"""What only one place may write: keys, calls, JSON, heads of responses.

    owners.py [ROOT]

Reads the C sources under ROOT (the tree) and fails where one writes what is another's. An exception is
named here with its reason; one that is not needed any more fails as well.
"""
import fnmatch
import pathlib
import re
import sys

FOLDERS = ("fcgi", "redis", "ws-bridge")

# (what, pattern, who may). The pattern is looked for in code without comments; literals keep
# their quotes. Who may: {file pattern: why}; "" = it is the owner.
RULES = [
    ("names Redis keys and functions: take a command of order/commands.h",
     r'#\s*include\s+"order/keys\.h"',
     {"fcgi/order/*": "",
      "redis/loader.c": "writes the catalogue, and no other program does"}),
    ("spells the tag of a key: only order/keys.h does",
     r'"[^"\n]*\{s[^"\n]*"',
     {"fcgi/order/keys.h": ""}),
    ("spells the call of a function: command_fcall() does",
     r'"FCALL',
     {"fcgi/base/command.c": "",
      "fcgi/base/crash.c": "recognizes one"}),
    ("writes JSON by hand: json-c does",
     r'"(?:[^"\\\n]|\\.)*(?:\{\\"|\\":)',
     {"fcgi/api/status.c": "two bodies that never change",
      "ws-bridge/handshake.c": "bodies of refusals: of constants, and a checked request id",
      "ws-bridge/history.c": "joins messages that json-c wrote once, for all who ask",
      "ws-bridge/protocol.c": "shows in an error text what a message looks like"}),
    ("has json-c write with flags of its own: json_write() does",
     r'json_object_to_json_string',
     {"fcgi/base/json_build.c": "",
      "fcgi/ctl/output.c": "pretty, for people",
      "redis/loader.c": "texts of the catalogue"}),
    ("writes the head of a response: reply.c does",
     r'"(?:HTTP/1\.1 |Status: )',
     {"fcgi/api/reply.c": "",
      "fcgi/api/healthcheck.c": "reads one",
      "ws-bridge/main.c": "reads one",
      "ws-bridge/handshake.c": "answers HTTP by itself, without FastCGI"}),
]

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.S)


def without_comments(text):
    def keep(match):
        token = match.group()
        return token if token[0] in "\"'" else "\n" * token.count("\n")
    return TOKEN.sub(keep, text)


def allowed(path, owners):
    return next((pattern for pattern in owners if fnmatch.fnmatchcase(path, pattern)), None)


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield path.relative_to(root).as_posix(), without_comments(path.read_text())


def main(root):
    files = dict(sources(root))
    if not files:
        sys.exit(f"owners: no sources in {root}")
    problems = []
    for what, pattern, owners in RULES:
        needed = set()
        for path, text in files.items():
            for match in re.finditer(pattern, text):
                owner = allowed(path, owners)
                needed.add(owner)
                if owner is None:
                    line = text.count("\n", 0, match.start()) + 1
                    problems.append(f"{path}:{line}: {what}")
        for owner in owners.keys() - needed:
            problems.append(f"{owner}: an exception that nothing needs ({what})")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
