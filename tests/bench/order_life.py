"""Orders placed and worked on by calling Redis' functions directly, without an API or a worker.

What a worker would send is known without asking: an order that was never begun has epoch 0, and with
waits of 0 the worker keeps it after each step. So all of it is packed first and then sent.
"""
import redis

from functions_client import STAGES, Functions
from wire import Packer

WORKER = "bench"
STEPS = ("payment", "kitchen", *STAGES)  # each is an event
HELD_MAX = 1000     # jobs that the worker has at a time: the default of TIFFIN_WORKER_CONCURRENCY
JOBS_PER_CALL = 32  # of step_jobs
AMOUNT = 1250       # of a Curry
KEEP_S = 86400
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def order_id(number):
    """The same number, the same id; of the length that the API's have."""
    text = ""
    for _ in range(20):
        number, digit = divmod(number, 32)
        text += ALPHABET[digit]
    return "order_00" + text


def places(numbers):
    """-> the commands that place these orders"""
    return packed(map(order_id, numbers), lambda do, id_: do.place(id_))


def admin(stack):
    return redis.Redis(**stack.redis(), username="admin", decode_responses=True)


class Life:
    """Takes orders through their lives on one stack, as its only worker."""

    def __init__(self, stack):
        self.functions = Functions(admin(stack))
        self.functions.beat(WORKER)
        self.has_batches = int(self.functions.library_version()) >= 3

    def claim(self, n):
        """Takes up to n of the orders that wait. -> their ids"""
        if self.has_batches:
            return [id_ for id_ in self.functions.claim(WORKER, n)[1:] if "order_" in id_]
        return self.functions.take(WORKER, n)[1:]

    def preparation(self, ids):
        """-> lists of commands, one after the other: what comes before the first of STEPS"""
        if self.has_batches:
            return [begin_all(ids), charge_all(ids)]
        return [packed(ids, lambda do, id_: do.begin(WORKER, id_)),
                packed(ids, lambda do, id_: do.intent(WORKER, id_, 1, payment_key(id_))),
                charge_all(ids)]

    def steps(self, ids, per_call=JOBS_PER_CALL):
        """-> lists of commands, one for each of STEPS: it changes every order once. Where the library can,
        a command has the steps of `per_call` orders."""
        if self.has_batches:
            return [step_all(ids, step, per_call) for step in STEPS]
        return [packed(ids, lambda do, id_, epoch=epoch, step=step: do.step(
            WORKER, id_, epoch, step, keep=KEEP_S)) for epoch, step in enumerate(STEPS, 1)]

    def settle(self, link, n):
        """Takes up to n of the orders that wait to their ends. -> how many"""
        ids = self.claim(n)
        for stage in (*self.preparation(ids), *self.steps(ids)):
            link.run(stage)
        return len(ids)


# ---- commands for many orders -------------------------------------------------------------------------

def packed(ids, call):
    """-> a command for each id: what call(functions, id) asks for"""
    packer = Packer()
    functions = Functions(packer)
    for id_ in ids:
        call(functions, id_)
    return packer.take()


def in_batches(ids, n):
    return [ids[start:start + n] for start in range(0, len(ids), n)]


def begin_all(ids):
    return packed(in_batches(ids, JOBS_PER_CALL), lambda do, part: do.begin_jobs(
        WORKER, *((id_, payment_key(id_)) for id_ in part)))


def charge_all(ids):
    return packed(ids, lambda do, id_: do.charge(payment_key(id_), AMOUNT))


def step_all(ids, step, per_call):
    return packed(in_batches(ids, per_call), lambda do, part: do.step_jobs(
        WORKER, *((id_, 1, step, "ok", 0) for id_ in part), keep=KEEP_S))


def payment_key(id_):
    return "pay_" + id_
