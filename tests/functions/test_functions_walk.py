"""A random walk: calls in any order, by workers that come and go, against a small model that says
what each must answer and where every job must be. The seed is fixed; TIFFIN_WALK_SEED and
TIFFIN_WALK_STEPS walk elsewhere."""
import os
import random

import functions_client as fc
from functions_client import new_id

DEFAULT_SEED, DEFAULT_STEPS = 2024, 2000
SEED = int(os.environ.get("TIFFIN_WALK_SEED", DEFAULT_SEED))
STEPS = int(os.environ.get("TIFFIN_WALK_STEPS", DEFAULT_STEPS))
TRIES = CRASHES = 2  # few, so that some die
NEXT = dict(zip(("kitchen",) + fc.STAGES, fc.STAGES + ("settled",)))

# what may happen next, and how often
MOVES = {"place": 3, "place_again": 0.3, "accept_update": 1, "cancel": 1, "fall_due": 5,
         "new_worker": 0.3, "kill_worker": 0.2, "reap": 1, "leave": 0.1, "take": 3, "begin": 6,
         "intent": 3, "step": 10, "publish": 1, "fail": 1, "stale": 1}


class Job:
    def __init__(self, id_):
        self.id, self.is_order = id_, id_.startswith("order_")
        self.step = "payment" if self.is_order else "broadcast"
        self.status, self.payment, self.kitchen = "order_placed", "pending", "pending"
        self.key, self.version, self.epoch, self.tries, self.crashes = "", 1, 0, 0, 0
        self.begun_by = None

    def change(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1

    def bury(self):
        if self.is_order:
            self.change(status="needs_review")


class Model:
    """Lists as in Redis: the left end is index 0."""

    def __init__(self):
        self.jobs = {}
        self.ready, self.delayed, self.dead = [], {}, set()
        self.active, self.alive = {}, set()
        self.published, self.next_due = 0, 0

    def held(self):
        return [(w, id_) for w, ids in self.active.items() for id_ in ids]


class Walk:
    def __init__(self, api, worker, admin, rng):
        self.api, self.worker, self.admin, self.rng = api, worker, admin, rng
        self.m = Model()
        self.n_workers = 0
        self.done = {}

    # what the API does

    def place(self):
        job = Job(new_id())
        assert self.api.place(job.id) == ["placed", job.id]
        self.m.jobs[job.id] = job
        self.m.ready.insert(0, job.id)

    def place_again(self):
        id_ = self.rng.choice([i for i in self.m.jobs if i.startswith("order_")])
        assert self.api.place(id_) == ["placed", id_]

    def accept_update(self):
        job, later = Job(new_id("update")), self.rng.random() < 0.5
        assert self.api.accept_update(job.id, delay=fc.HOUR_MS if later else 0)[0] == "accepted"
        self.m.jobs[job.id] = job
        if later:
            self.m.delayed[job.id] = None
        else:
            self.m.ready.insert(0, job.id)

    def cancel(self):
        job = self.rng.choice([j for j in self.m.jobs.values() if j.is_order])
        reply = self.api.cancel(job.id)
        if job.status == "cancelled":
            assert reply == ["cancelled"]
        elif job.status == "order_placed" and job.kitchen == "pending":
            assert reply == ["cancelled"]
            job.change(status="cancelled")
        else:
            assert reply == ["too_late", job.status]

    # time, and workers that come and go

    def fall_due(self):
        id_ = self.rng.choice(list(self.m.delayed))
        self.m.next_due += 1
        self.m.delayed[id_] = self.m.next_due
        self.admin.zadd(fc.DELAYED, {id_: self.m.next_due}, xx=True)

    def new_worker(self):
        self.n_workers += 1
        name = f"w{self.n_workers}"
        assert self.worker.beat(name) == ["ok"]
        self.m.alive.add(name)
        self.m.active[name] = []

    def kill_worker(self):
        name = self.rng.choice(sorted(self.m.alive))
        self.m.alive.discard(name)
        self.admin.delete(fc.heartbeat_key(name))

    def reap(self):
        name = self.rng.choice(sorted(self.m.active))
        held = self.m.active[name]
        some = held[:self.rng.randint(1, 3)] + [new_id()]
        reply = self.worker.reap(name, some, CRASHES)
        if name in self.m.alive:
            assert reply == ["alive"]
            return
        for id_ in some[:-1]:
            self.seize(name, id_)
            job = self.m.jobs[id_]
            job.crashes += 1
            if job.crashes >= CRASHES:
                self.m.dead.add(id_)
                job.bury()
            else:
                self.m.ready.append(id_)
        assert reply == ["reaped", len(some) - 1, len(held)]
        if not held:
            del self.m.active[name]

    def leave(self):
        name = self.rng.choice(sorted(self.m.alive))
        held = list(self.m.active[name])
        assert self.worker.leave(name, held) == ["left", len(held), 0]
        for id_ in held:
            self.seize(name, id_)
            self.m.ready.append(id_)
        self.m.alive.discard(name)
        del self.m.active[name]

    def seize(self, name, id_):
        self.m.active[name].remove(id_)
        self.m.jobs[id_].epoch += 1

    # what a worker does; dead ones still try, until they are reaped: nobody has told them

    def take(self):
        name, n = self.rng.choice(sorted(self.m.active)), self.rng.randint(1, 4)
        due = sorted((at, id_) for id_, at in self.m.delayed.items() if at is not None)[:n]
        expected = [id_ for _, id_ in due]
        for id_ in expected:
            del self.m.delayed[id_]
        while len(expected) < n and self.m.ready:
            expected.append(self.m.ready.pop())
        for id_ in expected:
            self.m.active[name].insert(0, id_)
        assert self.worker.take(name, n)[1:] == expected

    def begin(self):
        name, id_ = self.rng.choice(self.m.held())
        job = self.m.jobs[id_]
        job.epoch += 1
        job.begun_by = name
        assert self.worker.begin(name, id_) == [
            "begun", job.epoch, job.step, job.tries, job.status if job.is_order else "",
            1250 if job.is_order else 0, "USD" if job.is_order else "", job.key]

    def begun(self, is_order):
        return [(w, self.m.jobs[i]) for w, i in self.m.held()
                if self.m.jobs[i].begun_by == w and self.m.jobs[i].is_order == is_order]

    def intent(self):
        some = [(w, j) for w, j in self.begun(True) if j.step == "payment"]
        name, job = self.rng.choice(some)
        proposed = f"pay{self.rng.random()}"
        reply = self.worker.intent(name, job.id, job.epoch, proposed)
        if job.status == "cancelled" and not job.key:
            assert reply == ["cancelled"]
            return
        job.key = job.key or proposed
        assert reply == ["ok", job.key]

    def step(self):
        name, job = self.rng.choice(self.begun(True))
        result, wait = self.result(job), self.rng.choice((0, fc.HOUR_MS))
        version, done = job.version, job.step
        self.apply(job, result)
        reply = self.worker.step(name, job.id, job.epoch, done, result, wait)
        job.tries = job.crashes = 0
        if job.step == "settled":
            assert reply == ["settled", job.version]
            self.m.active[name].remove(job.id)
        elif wait:
            assert reply == ["delayed", job.version, job.step]
            self.m.active[name].remove(job.id)
            self.m.delayed[job.id] = None
        else:
            job.epoch += 1
            assert reply == ["held", job.version, job.step, job.epoch]
        assert job.version - version in (0, 1)

    def result(self, job):
        if job.step != "payment":
            return "ok"
        if job.status == "cancelled" and not job.key:
            return "not_charged"
        return "declined" if self.rng.random() < 0.2 else "ok"

    @staticmethod
    def apply(job, result):
        cancelled = job.status == "cancelled"
        if result == "declined":
            job.change(payment="declined", kitchen="cancelled", step="settled",
                       status="cancelled" if cancelled else "payment_failed")
        elif result == "not_charged":
            job.change(payment="not_charged", kitchen="cancelled", step="settled")
        elif job.step == "payment":
            job.change(payment="paid", step="refund" if cancelled else "kitchen")
        elif job.step == "refund":
            job.change(payment="refunded", kitchen="cancelled", step="settled")
        elif job.step == "kitchen" and cancelled:
            job.step = "refund"
        elif job.step == "kitchen":
            job.change(kitchen="acknowledged", step=NEXT["kitchen"])
        else:
            job.change(status=job.step, step=NEXT[job.step])

    def publish(self):
        name, job = self.rng.choice(self.begun(False))
        self.m.published += 1
        assert self.worker.publish_update(name, job.id, job.epoch) == ["published",
                                                                       self.m.published]
        self.m.active[name].remove(job.id)
        job.step = "published"

    def fail(self):
        name, job = self.rng.choice(self.begun(self.rng.random() < 0.8))
        reply = self.worker.fail(name, job.id, job.epoch, allowed=TRIES)
        job.tries += 1
        self.m.active[name].remove(job.id)
        if job.tries >= TRIES:
            assert reply == ["dead", job.tries]
            self.m.dead.add(job.id)
            job.bury()
        else:
            assert reply == ["delayed", job.tries]
            self.m.delayed[job.id] = None

    def stale(self):
        """Somebody writes who may not: an old epoch, or a list the job is not in."""
        job = self.rng.choice(list(self.m.jobs.values()))
        name = self.rng.choice(sorted(self.m.active))
        epoch = job.epoch if job.id not in self.m.active[name] else job.epoch - 1
        call = self.rng.choice((
            lambda: self.worker.step(name, job.id, epoch, job.step),
            lambda: self.worker.fail(name, job.id, epoch),
            lambda: self.worker.intent(name, job.id, epoch, "other"),
            lambda: self.worker.publish_update(name, job.id, epoch)))
        assert call() == ["fenced"]

    # the walk

    def go(self):
        """One call that is possible now."""
        name = self.rng.choices(list(MOVES), list(MOVES.values()))[0]
        try:
            getattr(self, name)()
        except IndexError:
            return  # nothing to choose from: not possible now
        self.done[name] = self.done.get(name, 0) + 1

    def compare_places(self):
        m, pipe = self.m, self.admin.pipeline(transaction=True)
        pipe.lrange(fc.READY, 0, -1).zrange(fc.DELAYED, 0, -1).zrange(fc.DEAD, 0, -1)
        pipe.smembers(fc.WORKERS)
        for name in m.active:
            pipe.lrange(fc.active_key(name), 0, -1)
        ready, delayed, dead, workers, *active = pipe.execute()
        assert ready == m.ready
        assert set(delayed) == set(m.delayed) and set(dead) == m.dead
        assert workers == set(m.active)
        assert active == list(m.active.values())

    def compare_jobs(self):
        for job in self.m.jobs.values():
            found = self.admin.hgetall(fc.job_key(job.id))
            assert (found["step"], int(found["epoch"]), int(found.get("tries", 0)),
                    int(found.get("crashes", 0))) == (job.step, job.epoch, job.tries, job.crashes)
            if job.is_order:
                assert (found["status"], found["payment_status"], found["kitchen_status"],
                        int(found["version"]), found.get("payment_key", "")) == \
                    (job.status, job.payment, job.kitchen, job.version, job.key)


def test_random_walk(api, worker, admin):
    random.seed(SEED)
    walk = Walk(api, worker, admin, random.Random(SEED))
    for n in range(STEPS):
        walk.go()
        walk.compare_places()
        if n % 200 == 0:
            walk.compare_jobs()
            fc.check_invariant(admin)
    walk.compare_jobs()
    if (SEED, STEPS) != (DEFAULT_SEED, DEFAULT_STEPS):
        return  # elsewhere it need not have met everything
    met = {name for name in walk.done if walk.done[name] > 0}
    assert met == set(MOVES), set(MOVES) - met
    assert walk.m.dead and int(admin.hget(fc.COUNT, "delivered")) > 0
