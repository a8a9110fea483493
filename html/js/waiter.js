// Exhibit 1, the skilled waiter: n waits at once in one process, drawn against one after the other.

import { $, el, say, setVar, duration, ticking, calm } from "./dom.js";
import { Stream } from "./stream.js";
import { wire } from "./wire.js";

const DB_MS = 500; // a first guess of one wait, until the server has told

export function waiter() {
  const room = $("waiter-room");
  const start = $("waiter-start");
  const shown = wire($("waiter-wire"));
  const together = $("waiter-together");
  const single = $("waiter-single");
  let stream = null;
  let stopDrawing = () => {};

  const count = () => Number(document.querySelector("input[name=tables]:checked").value);

  function reset(n) {
    room.replaceChildren(...Array.from({ length: n }, () => el("i")));
    room.dataset.n = n;
    for (const bar of [together, single]) {
      setVar(bar, "--share", 0);
      say(bar.querySelector("output"), "–");
    }
    say($("waiter-summary"), "");
  }

  function run() {
    const n = count();
    stream?.end();
    stopDrawing();
    reset(n);
    start.disabled = true;
    const path = `/exhibits/waiter?n=${n}`;
    shown.request({ method: "GET", path, isStream: true });
    const tables = [...room.children];
    const began = performance.now();
    let served = 0;
    let end = null;
    let each = DB_MS;

    function draw() {
      const ms = performance.now() - began;
      const whole = end?.one_at_a_time_ms ?? each * n;
      const mine = end?.total_ms ?? ms;
      setVar(together, "--share", Math.max(mine / Math.max(whole, mine), 0.004));
      say(together.querySelector("output"), duration(mine));
      const alone = calm.matches && end ? whole : Math.min(ms, whole);
      setVar(single, "--share", alone / Math.max(whole, mine));
      say(single.querySelector("output"), alone >= whole
        ? duration(whole)
        : `at table ${Math.min(n, Math.floor(ms / each) + 1)}, ${duration(alone)}`);
      if (end && alone >= whole) stopDrawing();
    }
    stopDrawing = ticking(draw);

    function breakOff() {
      stopDrawing();
      shown.status("");
      say($("waiter-summary"), `The line broke after ${served} of ${n}. Please try again in a moment.`);
      finish();
    }
    function finish() {
      start.disabled = false;
      stream = null;
    }
    stream = new Stream({
      url: () => path,
      onMessage(table) {
        served++;
        tables[table.i - 1].className = "served";
        each = table.ms;
        shown.line(`data: ${JSON.stringify(table)}`);
      },
      onEnd(data) {
        end = data;
        shown.line(`event: end\ndata: ${JSON.stringify(data)}`);
        shown.status(`200, text/event-stream: ${n === 1 ? "one wait" : `all ${n} waits`} over in ${duration(data.total_ms)}`);
        say($("waiter-summary"), n === 1
          ? "One table: here both waiters are alike. Now try two hundred."
          : `${n} tables in ${duration(data.total_ms)}. A waiter who stands still at the kitchen door would need ${duration(data.one_at_a_time_ms)}.`);
        finish();
      },
      onGivenUp() {
        if (stream) breakOff();
        return true;
      },
      onState(state) {
        // Taken up again it would begin anew, so a broken run is over.
        if ((state === "waiting" || state === "paused") && stream) {
          const broken = stream;
          breakOff();
          queueMicrotask(() => broken.end());
        }
      },
    });
    stream.start();
  }

  document.querySelectorAll("input[name=tables]").forEach((radio) =>
    radio.addEventListener("change", () => { if (!start.disabled) reset(count()); }));
  $("waiter-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  start.disabled = false;
  reset(count());
  shown.request({ method: "GET", path: `/exhibits/waiter?n=${count()}`, isStream: true });
}
