// Exhibit 1, the skilled waiter: n waits at once in one process, drawn against one after the other.

import { $, el, say, setVar, duration, ticking, calm } from "./dom.js";
import { Stream } from "./stream.js";
import { wire } from "./wire.js";

const DB_MS = 500; // a first guess of one wait, until the server has told
const LEAST_SHARE = 0.004; // of a bar that can be seen

const summary = (text) => say($("waiter-summary"), text);
const pathOf = (n) => `/exhibits/waiter?n=${n}`;

function draw(bar, share, text) {
  setVar(bar, "--share", share);
  say(bar.querySelector("output"), text);
}

// The tables and bars, empty. -> the tables
function reset(n) {
  const room = $("waiter-room");
  room.replaceChildren(...Array.from({ length: n }, () => el("i")));
  room.dataset.n = n;
  for (const bar of [$("waiter-together"), $("waiter-single")]) draw(bar, 0, "–");
  summary("");
  return [...room.children];
}

// n tables that ask at once. Calls onOver() when all are served, or the stream broke.
class Run {
  constructor(n, shown, onOver) {
    Object.assign(this, { n, shown, onOver });
    this.tables = reset(n);
    this.began = performance.now();
    this.served = 0;
    this.each = DB_MS;
    this.end = null; // what the server says at the end
    this.stopDrawing = ticking(() => this.#draw());
    this.stream = new Stream({
      url: () => pathOf(n),
      onMessage: (table) => this.#serve(table),
      onEnd: (data) => this.#finish(data),
      // Resumed it would begin anew, so a broken run is over.
      onState: (state) => { if (state === "waiting" || state === "paused") this.#breakOff(); },
    });
    this.stream.start();
  }

  // Another run begins.
  stop() {
    this.stream.end();
    this.stopDrawing();
  }

  #draw() {
    const { n, each, end } = this;
    const ms = performance.now() - this.began;
    const whole = end?.one_at_a_time_ms ?? each * n;
    const together = end?.total_ms ?? ms;
    const widest = Math.max(whole, together);
    draw($("waiter-together"), Math.max(together / widest, LEAST_SHARE), duration(together));
    const single = calm.matches && end ? whole : Math.min(ms, whole);
    draw($("waiter-single"), single / widest, single >= whole
      ? duration(whole)
      : `at table ${Math.min(n, Math.floor(ms / each) + 1)}, ${duration(single)}`);
    if (end && single >= whole) this.stopDrawing();
  }

  #serve(table) {
    this.served++;
    this.tables[table.i - 1].className = "served";
    this.each = table.ms;
    this.shown.line(`data: ${JSON.stringify(table)}`);
  }

  #finish(data) {
    const { n, shown } = this;
    this.end = data;
    shown.line(`event: end\ndata: ${JSON.stringify(data)}`);
    shown.status(`200, text/event-stream: ${n === 1 ? "one wait" : `all ${n} waits`} over in ${duration(data.total_ms)}`);
    summary(n === 1
      ? "One table: here both waiters are alike. Now try two hundred."
      : `${n} tables in ${duration(data.total_ms)}. A waiter who stands still at the kitchen door would need ${duration(data.one_at_a_time_ms)}.`);
    this.onOver();
  }

  #breakOff() {
    this.stream.end();
    this.stopDrawing();
    this.shown.status("");
    summary(`The line broke after ${this.served} of ${this.n}. Please try again in a moment.`);
    this.onOver();
  }
}

export function waiter() {
  const start = $("waiter-start");
  const shown = wire($("waiter-wire"));
  let run = null;
  const count = () => Number(document.querySelector("input[name=tables]:checked").value);
  const request = () => shown.request({ method: "GET", path: pathOf(count()), isStream: true });

  document.querySelectorAll("input[name=tables]").forEach((radio) =>
    radio.addEventListener("change", () => { if (!start.disabled) reset(count()); }));
  $("waiter-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run?.stop();
    start.disabled = true;
    request();
    run = new Run(count(), shown, () => { start.disabled = false; });
  });
  start.disabled = false;
  reset(count());
  request();
}
