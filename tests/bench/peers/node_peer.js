// The showcase's hot paths on Node's own http server and the ws package: see tests/bench/parts/peers.py.
"use strict";
const cluster = require("cluster");
const crypto = require("crypto");
const http = require("http");
const redis = require("redis");
const { WebSocketServer } = require("ws");

const { PEER_PORT, PEER_REDIS, PEER_WAIT_MS, PEER_PROCESSES } = process.env;

function answer(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

async function place(store, url, response) {
  const restaurant_id = url.searchParams.get("restaurant_id"), item = url.searchParams.get("item");
  const price = await store.hGet("menu:" + restaurant_id, item);
  if (!price) return answer(response, 400, { error: "no such item" });
  const order_id = "order_" + crypto.randomBytes(10).toString("hex"), now = Date.now();
  await store.multi()
    .hSet("order:" + order_id, {
      id: order_id, restaurant_id, item, amount_cents: price, created_at: now,
      status: "order_placed", payment_status: "pending" })
    .lPush("jobs", order_id)
    .zAdd("orders", { score: now, value: order_id })
    .xAdd("events", "*", { id: order_id, status: "order_placed" })
    .exec();
  answer(response, 201, { message: "Order placed successfully!", order_id });
}

async function serve() {
  const store = redis.createClient({ socket: { path: PEER_REDIS } });
  await store.connect();
  const wait = Number(PEER_WAIT_MS);
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/healthz") return answer(response, 200, { status: "ok" });
    if (request.method === "POST" && url.pathname === "/order") return place(store, url, response);
    if (!url.pathname.startsWith("/restaurants/")) return answer(response, 404, {});
    const show = () => store.hGetAll("restaurant:" + url.pathname.slice("/restaurants/".length))
      .then((value) => answer(response, 200, value));
    if (!wait) return show();
    setTimeout(show, wait);
  });
  const room = new WebSocketServer({ server, path: "/ws/support-chat", perMessageDeflate: false });
  room.on("connection", (client) => client.on("message", (text) => {
    const line = "Message: " + text;
    for (const other of room.clients) other.send(line);
  }));
  server.listen(Number(PEER_PORT), "127.0.0.1", 4096);
}

if (cluster.isPrimary && Number(PEER_PROCESSES) > 1) {
  for (let i = 0; i < Number(PEER_PROCESSES); i++) cluster.fork();
} else {
  serve();
}
