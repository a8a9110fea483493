"""Where every job of the modelled queue is, and what its hash holds."""
import collections

from functions_client import STAGES

JOB_STEPS = ("payment", "kitchen") + STAGES + ("refund",)
NEXT = dict(zip(("kitchen",) + STAGES, STAGES + ("settled",)))


def is_new(worker):
    """Every second worker is of today's library version, the others of the one before."""
    return int(worker[1:]) % 2 == 0


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


class State:
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
