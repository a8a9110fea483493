"""A stack, what asks it, and what looks into it: what most tests begin with."""
from tiffin_http import Client
from tiffin_stack import Stack
from tiffin_store import Store


class World:
    """A running stack, a client of it, and a look into its Redis."""

    def __init__(self, stack=None, **settings):
        self.stack = stack or Stack(**settings)
        self.http = Client(self.stack.port)
        self.store = None

    def start(self):
        self.stack.up()
        self.store = Store(self.stack)
        return self
