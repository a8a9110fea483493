// One order as this page knows it: its versions, its live stream, and what can be done with it.
//
// Dispatches `change` (a new version), `connection`, `line` (as it came over the wire) and `over`.

import { ask, withRetry } from "./net.js";
import { Stream } from "./stream.js";
import { isSettled } from "./words.js";

const CUT_MS = 5000;

export class Order extends EventTarget {
  constructor(id, about = null) {
    super();
    this.id = id;
    this.about = about;     // { item, quantity, restaurant, amount_cents, currency }, when known
    this.receipt = null;    // { ms, status, body, request, since } of the POST, when this page made it
    this.versions = [];     // without gaps, unless the history could not be read
    this.connection = "connecting";
    this.reconnections = 0;
    this.isKnown = true;
    this.isOver = false;
    this.skewMs = Infinity; // this machine's clock minus the server's, at most
  }

  get path() { return `/order/${encodeURIComponent(this.id)}`; }
  get link() { return `${location.origin}/track/${encodeURIComponent(this.id)}`; }
  get now() { return this.versions.at(-1) ?? null; }
  get version() { return this.now?.version ?? 0; }
  // The server's time, estimated.
  get serverMs() {
    const now = Date.now() - (Number.isFinite(this.skewMs) ? this.skewMs : 0);
    return Math.max(now, this.now ? Date.parse(this.now.timestamp) : 0);
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }

  // A fresh order is followed at once; one from before is read first, with its history.
  async open({ isFresh = false } = {}) {
    if (!isFresh) {
      try {
        await withRetry(() => this.#read(), { tries: Infinity, onWait: () => this.#connected("waiting") });
      } catch (error) {
        this.#unknown(error);
        return;
      }
    }
    if (this.isClosed || this.isOver) return;
    this.stream = new Stream({
      url: () => `${this.path}/live-status${this.version ? `?last_event_id=${this.version}` : ""}`,
      onMessage: (data, event) => this.#arrived(data, event),
      onEnd: (data) => this.#ended(`event: end\ndata: ${JSON.stringify(data)}`),
      onError: (data) => this.#unknown(new Error(data.error)),
      onState: (state) => this.#connected(state),
      onGivenUp: () => this.#ask(),
    });
    this.stream.start();
  }

  // This page shows another order now.
  close() {
    this.isClosed = true;
    this.stream?.end();
  }

  // Closes the stream on purpose and resumes it. -> after how many ms; 0 = there is none
  cut() {
    if (!this.stream || this.isOver) return 0;
    this.stream.stop();
    this.#line("(you hung up)");
    setTimeout(() => {
      if (this.isOver || this.isClosed) return;
      this.#line(`(calling again: Last-Event-ID ${this.version})`);
      this.reconnections++;
      this.stream.start();
    }, CUT_MS);
    return CUT_MS;
  }

  // Without a key: cancelling is idempotent.
  async cancel() {
    await withRetry(() => ask(`${this.path}/cancel`, { method: "POST" }));
  }

  async #read() {
    const { body } = await ask(this.path);
    this.about = body;
    this.#take(body.history.map((h) => ({ ...h, timestamp: h.at })));
    if (isSettled(body)) this.#ended();
  }

  // Appends those of these versions that are new.
  #take(versions) {
    for (const v of versions) {
      if (v.version <= this.version) continue;
      this.versions.push(v);
      this.#tell("change");
    }
  }

  #arrived(data, event) {
    this.#line(`id: ${event.lastEventId}\ndata: ${event.data}`);
    this.skewMs = Math.min(this.skewMs, Date.now() - Date.parse(data.timestamp));
    if (data.version > this.version + 1) {
      // To a slow reader the server sends the newest version only; the order has the rest.
      this.#read().catch(() => this.#take([data]));
    } else {
      this.#take([data]);
    }
  }

  #line(text) {
    this.dispatchEvent(new CustomEvent("line", { detail: text }));
  }

  #connected(state) {
    if (this.isClosed || state === this.connection) return;
    if (state === "live" && this.connection === "waiting" && this.versions.length) this.reconnections++;
    if (state === "over" && !this.isOver) return;
    this.connection = state;
    this.#tell("connection");
  }

  // EventSource has given up: the order may be over (204), unknown, or out of reach. -> is it over?
  async #ask() {
    try {
      await this.#read();
    } catch (error) {
      if (error.status === 404) this.#unknown(error);
    }
    return this.isOver;
  }

  #unknown(error) {
    this.isKnown = error.status !== 404 && error.message !== "Order not found";
    this.#over();
  }

  #ended(line) {
    if (line) this.#line(line);
    this.#over();
  }

  #over() {
    if (this.isOver) return;
    this.isOver = true;
    this.stream?.end();
    this.connection = "over";
    this.#tell("over");
  }
}
