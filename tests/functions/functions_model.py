"""A model of the queue that walks at random: what may be called next, what it must answer, and
where every job must be then. It knows all of that without asking, so a caller may send a whole
walk, or many, before it reads the first reply."""
import collections
import random

import functions_client as fc
from functions_client import HOUR_MS, job_key

STEPS = ("payment", "kitchen") + fc.STAGES + ("refund",)
NEXT = dict(zip(("kitchen",) + fc.STAGES, fc.STAGES + ("settled",)))
UPDATES_PENDING_MAX = 4  # few, so that some are refused
MOST_TRIES = MOST_CRASHES = 2  # few, so that some die

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
USERS = {"place": "api", "accept_update": "api", "cancel": "api", "requeue": "admin",
         "discard": "admin", "settle": "admin", "pause": "admin", "resume": "admin", "stats": "api"}

Refused = collections.namedtuple("Refused", "text")  # an error reply
SOON = object()  # a number of ms, from 0 to an hour
Call = collections.namedtuple("Call", "move user command expected")


class _Record:
    """In the place of a client: gives the command back that would have been sent."""

    @staticmethod
    def execute_command(*args):
        return args


DO = fc.Functions(_Record())


class Job:
    def __init__(self, id_):
        self.id, self.is_order = id_, id_.startswith("order_")
        self.step = "payment" if self.is_order else "broadcast"
        self.status, self.payment, self.kitchen = "order_placed", "pending", "pending"
        self.key, self.version, self.epoch, self.tries, self.crashes = "", 1, 0, 0, 0
        self.begun_by = self.resume = None
        self.is_leaving = False

    def change(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1

    def bury(self):
        if self.is_order:
            self.change(resume=self.status, status="needs_review")

    def fields(self):
        """What its hash must hold; None where a field must not be there."""
        fields = {"step": self.step, "epoch": self.epoch, "tries": self.tries or None,
                  "crashes": self.crashes or None, "resume_status": self.resume,
                  "leaving": 1 if self.is_leaving else None}
        if self.is_order:
            fields.update({"status": self.status, "payment_status": self.payment,
                           "kitchen_status": self.kitchen, "version": self.version,
                           "payment_key": self.key or None,
                           "v%d" % (self.version + 1): None})
        return fields


class Model:
    """Lists as in Redis: the left end is index 0. A delayed job's value is its due time, None while
    that is far away."""

    def __init__(self, rng, name=""):
        self.rng, self.name = rng, name
        self.jobs, self.gone = {}, []
        self.ready, self.delayed, self.dead = [], {}, set()
        self.active, self.alive = {}, set()
        self.count = collections.Counter()
        self.is_paused = False
        self.trimmable, self.expired_versions, self.indexed = [], 0, 0
        self.met = collections.Counter()  # what has happened, and how often
        self._n_ids = self._n_workers = self._n_due = 0

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

    def updates_pending(self):
        n = self.count
        return n["updates_accepted"] - n["updates_published"] - n["updates_discarded"]

    def versions(self):
        """How many events there must be."""
        return self.expired_versions + sum(j.version for j in self.jobs.values() if j.is_order)

    # choices: an IndexError when there is nothing to choose from

    def _new_id(self, kind):
        self._n_ids += 1
        return f"{kind}_00{self.name}n{self._n_ids}"

    def _orders(self):
        return [job for job in self.jobs.values() if job.is_order]

    def _held(self):
        return [(w, id_) for w, ids in self.active.items() for id_ in ids]

    def _begun(self, is_order):
        found = [(w, self.jobs[i]) for w, ids in self.active.items() for i in ids]
        return [(w, j) for w, j in found if j.begun_by == w and j.is_order == is_order]

    def _worker(self):
        return self.rng.choice(sorted(self.active))

    # what the API does

    def place(self):
        job = Job(self._new_id("order"))
        self.jobs[job.id] = job
        self.ready.insert(0, job.id)
        self.count["placed"] += 1
        self.indexed += 1
        return DO.place(job.id), ["placed", job.id]

    def place_again(self):
        id_ = self.rng.choice(self._orders()).id
        return DO.place(id_), ["placed", id_]

    def accept_update(self):
        id_, later = self._new_id("update"), self.rng.random() < 0.5
        command = DO.accept_update(id_, delay=HOUR_MS if later else 0, limit=UPDATES_PENDING_MAX)
        pending = self.updates_pending()
        if pending - len(self.dead) >= UPDATES_PENDING_MAX or pending >= 10 * UPDATES_PENDING_MAX:
            self.met["accept_update full"] += 1
            return command, ["full"]
        self.jobs[id_] = Job(id_)
        self.count["updates_accepted"] += 1
        if later:
            self.delayed[id_] = None
        else:
            self.ready.insert(0, id_)
        return command, ["accepted", id_]

    def cancel(self):
        job = self.rng.choice(self._orders())
        command = DO.cancel(job.id)
        if job.status == "cancelled":
            return command, ["cancelled"]
        if job.status != "order_placed" or job.kitchen != "pending":
            self.met["cancel too_late " + job.status] += 1
            return command, ["too_late", job.status]
        self.met["cancel at " + job.step + (" with key" if job.key else "")] += 1
        job.change(status="cancelled")
        return command, ["cancelled"]

    # time, and workers that come and go

    def fall_due(self):
        id_ = self.rng.choice([i for i, at in self.delayed.items() if at is None])
        self._n_due += 1
        self.delayed[id_] = self._n_due
        return ("ZADD", fc.DELAYED, "XX", self._n_due, id_), 0

    def new_worker(self):
        self._n_workers += 1
        name = f"w{self._n_workers}"
        self.alive.add(name)
        self.active[name] = []
        return DO.beat(name), ["ok"]

    def beat(self):
        """Also one that was taken for dead, and is not reaped yet."""
        name = self._worker()
        self.alive.add(name)
        return DO.beat(name), ["ok"]

    def kill_worker(self):
        name = self.rng.choice(sorted(self.alive))
        self.alive.discard(name)
        return ("DEL", fc.heartbeat_key(name)), 1

    def reap(self):
        name, allowed = self._worker(), self.rng.randint(1, MOST_CRASHES)
        held = self.active[name]
        some = held[:self.rng.randint(1, 3)]
        command = DO.reap(name, some + [self.name + "order_unknown"], allowed)
        if name in self.alive:
            self.met["reap alive"] += 1
            return command, ["alive"]
        for id_ in some:
            job = self._seize(name, id_)
            job.crashes += 1
            if job.crashes >= allowed:
                self.met["reap dead"] += 1
                self.dead.add(id_)
                job.bury()
            else:
                self.ready.append(id_)
        left = len(held)
        if not left:
            del self.active[name]
        return command, ["reaped", len(some), left]

    def leave(self):
        name = self.rng.choice(sorted(self.alive))
        held = self.active[name]
        some = held[:self.rng.randint(0, len(held))]
        for id_ in some:
            self._seize(name, id_)
            self.ready.append(id_)
        left = len(held)
        if not left:
            self.alive.discard(name)
            del self.active[name]
        return DO.leave(name, some), ["left", len(some), left]

    def _seize(self, name, id_):
        self.active[name].remove(id_)
        self.jobs[id_].epoch += 1
        return self.jobs[id_]

    # what a worker does; dead ones still try, until they are reaped: nobody has told them

    def take(self):
        name, n = self._worker(), self.rng.randint(1, 4)
        command = DO.take(name, n)
        if self.is_paused:
            self.met["take paused"] += 1
            return command, [-1]
        due = sorted((at, id_) for id_, at in self.delayed.items() if at is not None)
        taken = [id_ for _, id_ in due[:n]]
        for id_ in taken:
            del self.delayed[id_]
        while len(taken) < n and self.ready:
            taken.append(self.ready.pop())
        for id_ in taken:
            self.active[name].insert(0, id_)
        wait = -1 if not self.delayed else 0 if len(due) > n else SOON
        return command, [wait, *taken]

    def take_as_stranger(self):
        return DO.take("stranger", 3), ["unregistered"]

    def begin(self):
        name, id_ = self.rng.choice(self._held())
        job = self.jobs[id_]
        job.epoch += 1
        job.begun_by = name
        order = [job.status, 1250, "USD"] if job.is_order else ["", 0, ""]
        return DO.begin(name, id_), ["begun", job.epoch, job.step, job.tries, *order, job.key]

    def begin_nothing(self):
        name = self._worker()
        elsewhere = [id_ for id_ in self.jobs if id_ not in self.active[name]]
        return DO.begin(name, self.rng.choice(elsewhere)), ["gone"]

    def intent(self):
        name, job = self.rng.choice([(w, j) for w, j in self._begun(True) if j.step == "payment"])
        proposed = f"pay{self.rng.getrandbits(32)}"
        command = DO.intent(name, job.id, job.epoch, proposed)
        if job.status == "cancelled" and not job.key:
            self.met["intent cancelled"] += 1
            return command, ["cancelled"]
        job.key = job.key or proposed
        return command, ["ok", job.key]

    def step(self, result=None, wait=None):
        can = [(w, j) for w, j in self._begun(True)
               if j.step != "payment" or j.key or j.status == "cancelled"]
        name, job = self.rng.choice(can)
        result = result or self._result(job)
        wait = self.rng.choice((0, HOUR_MS)) if wait is None else wait
        command = DO.step(name, job.id, job.epoch, job.step, result, wait)
        self._advance(job, result)
        job.tries = job.crashes = 0
        if job.step == "settled":
            self.active[name].remove(job.id)
            self.count["settled"] += 1
            self.count[job.status] += 1
            self.met[f"settled {job.status} {job.payment}"] += 1
            return command, ["settled", job.version]
        if wait and job.step != "refund":
            self.active[name].remove(job.id)
            self.delayed[job.id] = None
            return command, ["delayed", job.version, job.step]
        job.epoch += 1
        return command, ["held", job.version, job.step, job.epoch]

    def _result(self, job):
        if job.step != "payment":
            return "ok"
        if not job.key:
            return "not_charged"
        return "declined" if self.rng.random() < 0.2 else "ok"

    @staticmethod
    def _advance(job, result):
        is_cancelled = job.status == "cancelled"
        if result == "declined":
            job.change(payment="declined", kitchen="cancelled", step="settled",
                       status="cancelled" if is_cancelled else "payment_failed")
        elif result == "not_charged":
            job.change(payment="not_charged", kitchen="cancelled", step="settled")
        elif job.step == "payment":
            job.change(payment="paid", step="refund" if is_cancelled else "kitchen")
        elif job.step == "refund":
            job.change(payment="refunded", kitchen="cancelled", step="settled")
        elif job.step == "kitchen" and is_cancelled:
            job.step = "refund"
        elif job.step == "kitchen":
            job.change(kitchen="acknowledged", step=NEXT["kitchen"])
        else:
            job.change(status=job.step, step=NEXT[job.step])

    def misfit(self):
        """A worker that has lost its way: another step, or a result that cannot be."""
        name, job = self.rng.choice(self._begun(True))
        step = self.rng.choice((job.step, job.step, self.rng.choice(STEPS)))
        if step != job.step:
            return (DO.step(name, job.id, job.epoch, step),
                    Refused(f"TIFFIN step is {job.step}, not {step}"))
        wrong = ["", "paid"]
        if step != "payment":
            wrong += ["declined", "not_charged"]
        elif not job.key:
            wrong += ["ok", "declined"]
        if step == "payment" and (job.key or job.status != "cancelled"):
            wrong.append("not_charged")
        result = self.rng.choice(wrong)
        self.met[f"misfit {result}"] += 1
        return (DO.step(name, job.id, job.epoch, step, result),
                Refused(f"TIFFIN result {result} does not fit step {step}"))

    def publish(self):
        name, job = self.rng.choice(self._begun(False))
        self.active[name].remove(job.id)
        self.count["updates_published"] += 1
        self.count["chat_messages"] += 1
        job.step = "published"
        return (DO.publish_update(name, job.id, job.epoch),
                ["published", self.count["chat_messages"]])

    def fail(self, allowed=None):
        name, job = self.rng.choice(self._begun(True) + self._begun(False))
        allowed = allowed or self.rng.randint(1, MOST_TRIES)
        command = DO.fail(name, job.id, job.epoch, allowed=allowed)
        job.tries += 1
        self.active[name].remove(job.id)
        if job.tries >= allowed:
            self.met["dead at " + job.step] += 1
            self.dead.add(job.id)
            job.bury()
            return command, ["dead", job.tries]
        self.delayed[job.id] = None
        return command, ["delayed", job.tries]

    def stale(self):
        """Somebody writes who may not: an old epoch, or a list the job is not in."""
        job, name = self.rng.choice(list(self.jobs.values())), self._worker()
        epoch = job.epoch if job.id not in self.active[name] else job.epoch - 1
        call = self.rng.choice((
            lambda: DO.step(name, job.id, epoch, job.step),
            lambda: DO.fail(name, job.id, epoch),
            lambda: DO.intent(name, job.id, epoch, "other"),
            lambda: DO.publish_update(name, job.id, epoch)))
        return call(), ["fenced"]

    # what people do

    def _revive(self):
        job = self.jobs[self.rng.choice(sorted(self.dead))]
        self.dead.discard(job.id)
        job.epoch += 1
        job.tries = job.crashes = 0
        return job

    def requeue(self):
        job = self._revive()
        self.met["requeue at " + job.step] += 1
        if job.is_order:
            job.change(status=job.resume, resume=None)
        self.ready.append(job.id)
        return DO.requeue(job.id), ["requeued", job.step]

    def discard(self):
        job = self._revive()
        if not job.is_order:
            del self.jobs[job.id]
            self.gone.append(job.id)
            self.count["updates_discarded"] += 1
            self.met["discard update"] += 1
            return DO.discard(job.id), ["discarded", ""]
        step = "refund" if job.payment == "paid" else "payment"
        self.met[f"discard to {step}" + (" with key" if job.key else "")] += 1
        job.change(status="cancelled", step=step, resume=None)
        self.ready.append(job.id)
        return DO.discard(job.id), ["discarded", step]

    def settle(self):
        job = self.jobs[self.rng.choice(sorted(self.dead))]
        money = self.rng.choice(("refunded", "not_charged"))
        command = DO.settle(job.id, money)
        if not job.is_order or (money == "refunded" and not job.key):
            self.met["settle misfit"] += 1
            return command, ["misfit", job.payment if job.is_order else ""]
        self.dead.discard(job.id)
        job.epoch += 1
        job.tries = job.crashes = 0
        job.change(status="cancelled", payment=money, kitchen="cancelled", step="settled",
                   resume=None)
        self.count["settled"] += 1
        self.count["cancelled"] += 1
        self.met["settle " + money] += 1
        return command, ["settled", job.version]

    def not_dead(self):
        id_ = self.rng.choice(sorted(self.jobs.keys() - self.dead) + [self.name + "order_unknown"])
        return self.rng.choice((DO.requeue, DO.discard, DO.settle))(id_), ["not_dead"]

    def pause(self):
        self.is_paused = True
        return DO.pause(), ["paused"]

    def resume(self):
        if not self.is_paused and self.rng.random() < 0.9:
            raise IndexError
        self.is_paused = False
        return DO.resume(), ["resumed"]

    def stale_stats(self):
        """The caller read the workers before one came, left, or took another's place."""
        name = self._worker()
        others = [w for w in self.active if w != name]
        return DO.stats(others + self.rng.choice(([], ["w0"], [name, "w0"]))), ["changed"]

    def expire(self):
        job = self.rng.choice([j for j in self._orders() if j.step == "settled"])
        del self.jobs[job.id]
        self.expired_versions += job.version
        self.trimmable.append(job.id)
        return ("DEL", job_key(job.id)), 1

    def trim(self):
        some = self.trimmable + [j.id for j in self._orders()[:2]] + ["order_never"]
        n, self.trimmable = len(self.trimmable), []
        self.indexed -= n
        return DO.trim(some), ["trimmed", n]

    def _settled(self):
        found = [j for j in self._orders() if j.step == "settled"]
        if not found:
            raise IndexError
        return found

    def release(self):
        leaving = self._settled()[:2]
        others = [j.id for j in self._orders() if j.step != "settled"][:2]
        ids, self.trimmable = self.trimmable + others + [j.id for j in leaving], []
        self.indexed -= len(ids) - len(others) - len(leaving)
        for job in leaving:
            job.is_leaving = True
        return DO.release(ids), ["released", len(others), *(j.key for j in leaving if j.key)]

    def forget(self):
        some = self._settled()[:3]
        gone = [job for job in some if job.is_leaving]
        for job in gone:
            del self.jobs[job.id]
            self.expired_versions += job.version
        self.indexed -= len(gone)
        self.count["orders_forgotten"] += len(gone)
        return DO.forget([job.id for job in some]), ["forgotten", len(gone)]

    # everything there is

    def everything(self):
        """Calls that look at each key, with what they must find. Makes what is delayed due."""
        def look(*command, expected):
            return Call("look", "admin", command, expected)

        yield look("LRANGE", fc.READY, 0, -1, expected=self.ready)
        for key, ids in ((fc.DELAYED, sorted(self.delayed)), (fc.DEAD, sorted(self.dead))):
            if ids:  # one score, so that Redis sorts them by name
                yield look("ZADD", key, "XX", *(x for i in ids for x in (0, i)), expected=0)
            yield look("ZRANGE", key, 0, -1, expected=ids)
        for name, ids in self.active.items():
            yield look("LRANGE", fc.active_key(name), 0, -1, expected=ids)
        names = [name for name, n in self.count.items() if n] + ["placed"]
        yield look("HMGET", fc.COUNT, *names, expected=[
            str(self.count[n]) if self.count[n] else None for n in names])
        yield look("XLEN", fc.EVENTS, expected=self.versions())
        yield look("ZCARD", fc.INDEX, expected=self.indexed)
        yield look("EXISTS", fc.PAUSED, *map(fc.heartbeat_key, sorted(self.alive)),
                   expected=len(self.alive) + self.is_paused)
        for job in self.jobs.values():
            fields = job.fields()
            yield look("HMGET", job_key(job.id), *fields, expected=[
                None if value is None else str(value) for value in fields.values()])

    def keys(self):
        """All that the walk may have left."""
        workers = [f"w{n + 1}" for n in range(self._n_workers)]
        return [fc.READY, fc.DELAYED, fc.DEAD, fc.WORKERS, fc.PAUSED, fc.COUNT, fc.FACTS, fc.EVENTS,
                fc.INDEX,
                fc.CHAT_LOG, *map(job_key, self.jobs), *map(fc.active_key, workers),
                *map(fc.heartbeat_key, workers)]


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
