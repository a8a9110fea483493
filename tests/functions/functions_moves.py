"""What can be done to the modelled queue: each move changes the model and gives back the command
that does the same to Redis, and what that must answer."""
import collections

from functions_client import DELAYED, HOUR_MS, Functions, heartbeat_key, job_key, order_args
from functions_state import NEXT, JOB_STEPS, Job, State, is_new

UPDATES_PENDING_MAX = 4  # few, so that some are refused
MOST_TRIES = MOST_CRASHES = 2  # few, so that some die

Refused = collections.namedtuple("Refused", "text")  # an error reply
SOON = object()  # a number of ms, from 0 to an hour


class _Record:
    """In the place of a client: gives the command back that would have been sent."""

    @staticmethod
    def execute_command(*args):
        return args


DO = Functions(_Record())


class Moves(State):
    """Each returns (command, expected answer); IndexError: there is nothing to do it with."""

    # what the API does

    def place(self):
        job = Job(self._new_id("order"))
        self.jobs[job.id] = job
        self.ready.insert(0, job.id)
        self.count["placed"] += 1
        self.indexed += 1
        return self._placed(job.id)

    def place_again(self):
        return self._placed(self.rng.choice(self._orders()).id)

    def _placed(self, id_):
        """As an API of either version does it."""
        if self.rng.random() < 0.3:
            return DO.place_version2(id_), ["placed", id_]
        return DO.place_orders(order_args(id_)), [["placed", id_]]

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
        return ("ZADD", DELAYED, "XX", self._n_due, id_), 0

    def new_worker(self):
        self._n_workers += 1 if self._n_workers else self.rng.randint(1, 2)
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
        return ("DEL", heartbeat_key(name)), 1

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

    # what a worker does; dead ones still try until they are reaped: they do not know

    def take(self):
        name, n = self._worker(), self.rng.randint(1, 4)
        command = DO.claim(name, n) if is_new(name) else DO.take(name, n)
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
            if is_new(name):
                self.jobs[id_].begun_by = None
        wait = -1 if not self.delayed else 0 if len(due) > n else SOON
        return command, [wait, *taken]

    def take_as_stranger(self):
        return self.rng.choice((DO.take, DO.claim))("stranger", 3), ["unregistered"]

    def begin(self):
        name, id_ = self.rng.choice(self._held())
        job = self.jobs[id_]
        job.epoch += 1
        job.begun_by = name
        proposed = f"pay{self.rng.getrandbits(32)}"
        if is_new(name) and job.step == "payment" and job.status != "cancelled":
            job.key = job.key or proposed
        order = [job.status, 1250, "USD"] if job.is_order else ["", 0, ""]
        expected = ["begun", job.epoch, job.step, job.tries, *order, job.key]
        if not is_new(name):
            return DO.begin(name, id_), expected
        gone = self.name + "order_unknown"  # one job's answer is not another's
        return DO.begin_jobs(name, (gone, "pay"), (id_, proposed)), [["gone"], expected]

    def begin_nothing(self):
        name = self._worker()
        elsewhere = self.rng.choice([i for i in self.jobs if i not in self.active[name]])
        if is_new(name):
            return DO.begin_jobs(name, (elsewhere, "pay")), [["gone"]]
        return DO.begin(name, elsewhere), ["gone"]

    def intent(self):
        """Of library version 2; later, begin does it."""
        name, job = self.rng.choice([(w, j) for w, j in self._begun(True)
                                     if j.step == "payment" and not is_new(w)])
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
        what = (job.id, job.epoch, job.step, result, wait)
        ended = self._step(name, job, result, wait)
        if not is_new(name):
            if ended[0] == "held":
                job.epoch += 1
                ended.append(job.epoch)
            return DO.step(name, *what), ended
        stale = (self.name + "order_unknown", 1, "payment", "ok", 0)
        return DO.step_jobs(name, stale, what), [["fenced"], ended]

    def _step(self, name, job, result, wait):
        """What it makes of the job. -> the answer, without an epoch"""
        self._advance(job, result)
        job.tries = job.crashes = 0
        if job.step == "settled":
            self.active[name].remove(job.id)
            self.count["settled"] += 1
            self.count[job.status] += 1
            self.met[f"settled {job.status} {job.payment}"] += 1
            return ["settled", job.version]
        if wait and job.step != "refund":
            self.active[name].remove(job.id)
            self.delayed[job.id] = None
            return ["delayed", job.version, job.step]
        return ["held", job.version, job.step]

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
        step = self.rng.choice((job.step, job.step, self.rng.choice(JOB_STEPS)))
        if step != job.step:
            return self._misfit(name, job, step, "ok", f"step is {job.step}, not {step}")
        wrong = ["", "paid"]
        if step != "payment":
            wrong += ["declined", "not_charged"]
        elif not job.key:
            wrong += ["ok", "declined"]
        if step == "payment" and (job.key or job.status != "cancelled"):
            wrong.append("not_charged")
        result = self.rng.choice(wrong)
        self.met[f"misfit {result}"] += 1
        return self._misfit(name, job, step, result, f"result {result} does not fit step {step}")

    @staticmethod
    def _misfit(name, job, step, result, text):
        if is_new(name):
            return (DO.step_jobs(name, (job.id, job.epoch, step, result, 0)),
                    [["error", "TIFFIN " + text]])
        return DO.step(name, job.id, job.epoch, step, result), Refused("TIFFIN " + text)

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
        """A fenced write: an old epoch, or a list the job is not in."""
        job, name = self.rng.choice(list(self.jobs.values())), self._worker()
        epoch = job.epoch if job.id not in self.active[name] else job.epoch - 1
        calls = [lambda: DO.fail(name, job.id, epoch),
                 lambda: DO.publish_update(name, job.id, epoch)]
        if is_new(name):
            if self.rng.random() < 0.5:
                return DO.step_jobs(name, (job.id, epoch, job.step, "ok", 0)), [["fenced"]]
        else:
            calls += [lambda: DO.step(name, job.id, epoch, job.step),
                      lambda: DO.intent(name, job.id, epoch, "other")]
        return self.rng.choice(calls)(), ["fenced"]

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
