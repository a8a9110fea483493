"""Orders placed and worked on by calling Redis' functions directly, without an API or a worker.

What a worker would send is known without asking: an order that was never begun has epoch 0, and with
waits of 0 the worker keeps it after each step. So all of it is packed first and then sent.
"""
import redis

from functions_client import STAGES, Functions
from wire import Packer

WORKER = "bench"
STEPS = ("payment", "kitchen", *STAGES)  # each is an event
HELD_MAX = 1000     # jobs that the worker has at a time, as tiffin-worker's default
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
    packer = Packer()
    functions = Functions(packer)
    for number in numbers:
        functions.place(order_id(number))
    return packer.take()


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

    def stages(self, ids):
        """-> lists of commands, one for each moment of these orders' lives: begin and charge, then
        STEPS; each changes every order once"""
        packer = Packer()
        functions = Functions(packer)
        make = self._batches if self.has_batches else self._singles
        for step in (None, *STEPS):
            make(functions, ids, step)
            yield packer.take()

    @staticmethod
    def _batches(functions, ids, step):
        for start in range(0, len(ids), JOBS_PER_CALL):
            part = ids[start:start + JOBS_PER_CALL]
            if step:
                functions.step_jobs(WORKER, *((id_, 1, step, "ok", 0) for id_ in part), keep=KEEP_S)
                continue
            functions.begin_jobs(WORKER, *((id_, payment_key(id_)) for id_ in part))
            for id_ in part:
                functions.charge(payment_key(id_), AMOUNT)

    @staticmethod
    def _singles(functions, ids, step):
        """Library version 2: a call each, and each step raises the epoch."""
        for id_ in ids:
            if step:
                functions.step(WORKER, id_, 1 + STEPS.index(step), step, keep=KEEP_S)
                continue
            functions.begin(WORKER, id_)
            functions.intent(WORKER, id_, 1, payment_key(id_))
            functions.charge(payment_key(id_), AMOUNT)

    def commands(self, ids):
        """-> all of stages() in one list"""
        return [command for stage in self.stages(ids) for command in stage]


def payment_key(id_):
    return "pay_" + id_
