"""A model of the queue that walks at random: what may be called next, what it must answer, and
where every job must be then. It knows all of that without asking, so a caller may send a whole
walk, or many, before it reads the first reply."""
import collections
import random

from functions_client import (CHAT_LOG, COUNT, COUNT_CHANGES, DEAD, DELAYED, EVENTS, FACTS, INDEX, PAUSED, READY,
                              WORKERS, active_key, heartbeat_key, job_key)
from functions_moves import DO, SOON, Moves
from functions_state import is_new

# what may happen next, and how often
MOVES = {"place": 3, "place_again": 0.3, "accept_update": 1.5, "cancel": 1.5, "fall_due": 5,
         "new_worker": 0.5, "beat": 0.2, "kill_worker": 0.5, "reap": 1.5, "leave": 0.3, "take": 4,
         "take_as_stranger": 0.1, "begin": 6, "begin_nothing": 0.2, "intent": 3, "step": 10,
         "misfit": 0.5, "publish": 1.5, "fail": 2, "stale": 1, "requeue": 2, "discard": 1.5,
         "settle": 0.7, "not_dead": 0.3, "pause": 0.2, "resume": 1.5, "stale_stats": 0.2,
         "expire": 0.3, "trim": 0.5, "release": 0.3, "forget": 0.3}
NAMES = list(MOVES)
WEIGHTS = [sum(list(MOVES.values())[:n + 1]) for n in range(len(MOVES))]

# who calls a function, where it is not a worker
USERS = {"place": "api", "place_orders": "api", "accept_update": "api", "cancel": "api", "requeue": "admin",
         "discard": "admin", "settle": "admin", "pause": "admin", "resume": "admin", "stats": "api"}

Call = collections.namedtuple("Call", "move user command expected")


class Model(Moves):
    # one call

    def go(self):
        """The next call, one that is possible now."""
        while True:
            move = self.rng.choices(NAMES, cum_weights=WEIGHTS)[0]
            call = self.do(move)
            if call:
                return call

    def do(self, move, **how):
        """This move, or None when there is nothing to do it with."""
        try:
            command, expected = getattr(self, move)(**how)
        except IndexError:
            return None
        user = USERS.get(command[1], "worker") if command[0].startswith("FCALL") else "admin"
        self.met[move] += 1
        return Call(move, user, command, expected)

    def stats(self):
        """-> the call that looks at all of it, and what it must see"""
        n = self.count
        active = sum(map(len, self.active.values()))
        seen = [n["placed"], n["settled"], self.updates_pending(), len(self.ready), active,
                len(self.delayed), len(self.dead)]
        assert seen[0] - seen[1] + seen[2] == sum(seen[3:]), "the model itself is wrong"
        return Call("stats", "api", DO.stats(self.active), ["stats", *seen, int(self.is_paused)])

    # everything there is

    def everything(self):
        """Calls that look at each key, with what they must find. Makes what is delayed due."""
        def look(*command, expected):
            return Call("look", "admin", command, expected)

        yield look("LRANGE", READY, 0, -1, expected=self.ready)
        for key, ids in ((DELAYED, sorted(self.delayed)), (DEAD, sorted(self.dead))):
            if ids:  # one score, so that Redis sorts them by name
                yield look("ZADD", key, "XX", *(x for i in ids for x in (0, i)), expected=0)
            yield look("ZRANGE", key, 0, -1, expected=ids)
        for name, ids in self.active.items():
            if not is_new(name):
                yield look("LRANGE", active_key(name), 0, -1, expected=ids)
                continue
            yield look("HLEN", active_key(name), expected=len(ids))
            yield look("HMGET", active_key(name), "x", *ids, expected=[None, *(
                str(self.jobs[i].epoch) if self.jobs[i].begun_by == name else "-" for i in ids)])
        names = [name for name, n in self.count.items() if n] + ["placed"]
        yield look("HMGET", COUNT, *names, expected=[
            str(self.count[n]) if self.count[n] else None for n in names])
        yield look("EVAL", COUNT_CHANGES, 1, EVENTS, expected=self.versions())
        yield look("ZCARD", INDEX, expected=self.indexed)
        yield look("EXISTS", PAUSED, *map(heartbeat_key, sorted(self.alive)),
                   expected=len(self.alive) + self.is_paused)
        for job in self.jobs.values():
            fields = job.fields()
            yield look("HMGET", job_key(job.id), *fields, expected=[
                None if value is None else str(value) for value in fields.values()])

    def keys(self):
        """All that the walk may have left."""
        workers = [f"w{n + 1}" for n in range(self._n_workers)]
        return [READY, DELAYED, DEAD, WORKERS, PAUSED, COUNT, FACTS, EVENTS, INDEX, CHAT_LOG, *map(job_key, self.jobs), *map(active_key, workers),
                *map(heartbeat_key, workers)]


LEADS = (["new_worker", "place", "take", "begin", "intent"] + ["step"] * 6,
         ["new_worker", "place", "take", "begin", "intent", "cancel", "step", "step"],
         ["new_worker", "accept_update", "take", "begin"])


def walk(seed, n, steps):
    """A short walk: a worker with a job somewhere on its straight way, or just dead there, and from
    there at random. Generates calls, stats after each. The last thing is the model itself."""
    rng = random.Random(f"{seed}:{n}")
    model = Model(rng, f"w{n}")
    lead = rng.choices(LEADS, (6, 2, 1))[0]
    lead = lead[:rng.randint(0, len(lead))] + rng.choice(([], [], ["fail"]))
    how = {"step": {"result": "ok", "wait": 0}, "fail": {"allowed": 1}}
    for call in filter(None, (model.do(move, **how.get(move, {})) for move in lead)):
        yield call
        yield model.stats()
    for _ in range(steps):
        yield model.go()
        yield model.stats()
    yield from model.everything()
    keys = model.keys()
    yield Call("forget", "admin", ("UNLINK", *keys), SOON)
    yield model
