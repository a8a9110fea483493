"""POST /order as a FastAPI tutorial has it: orders in a dict, a queue and a worker in the same process.
One process, as what is in its memory no other one sees; all is gone when it ends. See parts/peers.py."""
import asyncio
import secrets
import time

from fastapi import FastAPI
from starlette.responses import JSONResponse

PRICES = {("resto_123", "Curry"): 1250}
STEPS = ("paid", "acknowledged", "preparing_food", "quality_check", "out_for_delivery", "delivered")
orders, jobs, events = {}, asyncio.Queue(), []


async def work():
    while True:
        placed = orders[await jobs.get()]
        for step in STEPS:
            placed["status"] = step
            events.append((placed["id"], step, time.time()))
            await asyncio.sleep(0)
        del events[:-100000]


app = FastAPI()


@app.on_event("startup")
async def start():
    app.state.worker = asyncio.create_task(work())


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/order")
async def order(restaurant_id: str, item: str):
    price = PRICES.get((restaurant_id, item))
    if price is None:
        return JSONResponse({"error": "no such item"}, 400)
    order_id = "order_" + secrets.token_hex(10)
    orders[order_id] = {"id": order_id, "restaurant_id": restaurant_id, "item": item,
                        "amount_cents": price, "created_at": time.time(), "status": "order_placed"}
    await jobs.put(order_id)
    return JSONResponse({"message": "Order placed successfully!", "order_id": order_id}, 201)
