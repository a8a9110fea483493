"""A stack whose orders take as long as a visitor needs to watch them."""
from tiffin_http import Client
from tiffin_stack import Stack

# Long enough to be seen, short enough to wait for.
WAITS = {"DB_MS": 100, "MENU_MS": 200, "REVIEWS_MS": 300, "PAYMENT_MS": 700, "KITCHEN_MS": 300,
         "STAGE_MIN_MS": 250, "STAGE_MAX_MS": 350, "BROADCAST_MS": 200}


class Site:
    """A stack and a client of it."""

    def __init__(self, **settings):
        self.stack = Stack(**{**WAITS, **settings})
        self.http = Client(self.stack.port)
        self.url = f"http://localhost:{self.stack.port}"
        self._delivered = None

    def delivered(self):
        """The id of an order that has arrived."""
        if not self._delivered:
            self._delivered = self.http.place(item="Curry", quantity=2).json["order_id"]
            assert self.http.follow(self._delivered)[-1].type == "end"
        return self._delivered


def running(**settings):
    """A fixture's body: the site while it runs."""
    site = Site(**settings)
    try:
        site.stack.up()
        yield site
    finally:
        site.stack.end()
