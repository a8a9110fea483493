"""POST /order as a FastAPI tutorial has it: orders in a dict, a queue and a worker in the same process.
One process, as what is in its memory no other one sees; all is gone when it ends. See parts/peers.py."""
import asyncio
import contextlib
import secrets
import time

from fastapi import FastAPI
from starlette.responses import JSONResponse

PRICES = {("resto_123", "Curry"): 1250}
STEPS = ("paid", "acknowledged", "preparing_food", "quality_check", "out_for_delivery", "delivered")
orders, jobs, events = {}, asyncio.Queue(), []


async def work():
    while True:
        order = orders[await jobs.get()]
        for step in STEPS:
            order["status"] = step
            events.append((order["id"], step, time.time()))
            await asyncio.sleep(0)
        del events[:-100000]


@contextlib.asynccontextmanager
async def lifespan(_):
    worker = asyncio.create_task(work())
    yield
    worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/order")
async def order_(restaurant_id: str, item: str):
    price = PRICES.get((restaurant_id, item))
    if price is None:
        return JSONResponse({"error": "no such item"}, 400)
    order_id = "order_" + secrets.token_hex(10)
    orders[order_id] = {"id": order_id, "restaurant_id": restaurant_id, "item": item,
                        "amount_cents": price, "created_at": time.time(), "status": "order_placed"}
    await jobs.put(order_id)
    return JSONResponse({"message": "Order placed successfully!", "order_id": order_id}, 201)
