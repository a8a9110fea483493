"""The showcase's hot paths in FastAPI on uvicorn, uvloop and httptools: see tests/bench/parts/peers.py."""
import asyncio
import os
import secrets
import time

import redis.asyncio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.responses import JSONResponse

WAIT_S = int(os.environ["PEER_WAIT_MS"]) / 1000
app = FastAPI()
store = redis.asyncio.Redis(unix_socket_path=os.environ["PEER_REDIS"], decode_responses=True)
clients = set()


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.get("/restaurants/{restaurant_id}")
async def restaurant(restaurant_id: str):
    if WAIT_S:
        await asyncio.sleep(WAIT_S)
    return await store.hgetall("restaurant:" + restaurant_id)


@app.post("/order")
async def order(restaurant_id: str, item: str):
    price = await store.hget("menu:" + restaurant_id, item)
    if price is None:
        return JSONResponse({"error": "no such item"}, 400)
    order_id, now = "order_" + secrets.token_hex(10), time.time()
    async with store.pipeline(transaction=True) as transaction:
        transaction.hset("order:" + order_id, mapping={
            "id": order_id, "restaurant_id": restaurant_id, "item": item, "amount_cents": price,
            "created_at": now, "status": "order_placed", "payment_status": "pending"})
        transaction.lpush("jobs", order_id)
        transaction.zadd("orders", {order_id: now})
        transaction.xadd("events", {"id": order_id, "status": "order_placed"})
        await transaction.execute()
    return JSONResponse({"message": "Order placed successfully!", "order_id": order_id}, 201)


@app.websocket("/ws/support-chat")
async def chat(client: WebSocket):
    await client.accept()
    clients.add(client)
    try:
        while True:
            line = "Message: " + await client.receive_text()
            await asyncio.gather(*(c.send_text(line) for c in clients), return_exceptions=True)
    except WebSocketDisconnect:
        pass
    finally:
        clients.discard(client)
