"""TIFFIN_QUEUE_AGE_S: what comes faster than it is worked is refused before it waits too long."""
import pytest

from shapes import check_problem
from tiffin_stack import eventually
from tiffin_world import World


@pytest.fixture(scope="module")
def world():
    world = World(QUEUE_AGE_S=1)
    try:
        yield world.start()
    finally:
        world.stack.end()


def test_an_old_queue_refuses_until_it_is_worked(world):
    http, placed, refused = world.http, [], []

    def order():
        answer = http.place()
        (placed if answer.status == 201 else refused).append(answer)
        return answer.status

    with world.stack.without("worker"):
        eventually(lambda: order() == 503, "the first order is too old")
        problem = check_problem(refused[0], 503, "Too many orders are waiting")
        assert "Nothing was stored" in problem["detail"]
        assert world.store.count("placed") == len(placed)
        assert world.http.get("/readyz").status == 200, "all the rest goes on"
    eventually(lambda: order() == 201, "the queue is young again")
    ids = [answer.json["order_id"] for answer in placed]
    assert {o["status"] for o in world.store.wait_settled(ids).values()} == {"delivered"}
    world.store.check_everything()
