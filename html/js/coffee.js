// Exhibit 2, coffee and a sandwich: three things asked for at once, drawn against one after the
// other; and the one request that does the same inside the server.

import { $, el, say, setVar, duration, ticking } from "./dom.js";
import { ask } from "./net.js";
import { wire } from "./wire.js";

const USUAL_MS = 3000;
const PARTS = ["info", "menu", "reviews", "full"];

export function coffee(restaurantId) {
  const shown = wire($("coffee-wire"));
  const start = $("coffee-start");
  const rows = Object.fromEntries(PARTS.map((part) => [part, $(`coffee-${part}`)]));
  const sum = $("coffee-sum");

  const requests = (id) => {
    const base = `/restaurants/${encodeURIComponent(id)}`;
    return {
      info: { method: "GET", path: base },
      menu: { method: "GET", path: `${base}/menu` },
      reviews: { method: "GET", path: `${base}/reviews` },
      full: { method: "GET", path: `${base}/full-details` },
    };
  };
  const show = () => shown.request(...Object.values(requests(restaurantId() || "resto_123")));

  const arrived = {
    info: (body) => say($("plate-info"), `${body.name}, ${body.cuisine}, ★ ${body.rating}`),
    menu: (body) => $("plate-menu").replaceChildren(...body.menu.map((text) => el("li", { text }))),
    reviews: (body) => $("plate-reviews").replaceChildren(...body.reviews.map((text) =>
      el("li", { text: text.replace(/^'|'$/g, "") }))),
    full: (body) => shown.answer(200, body.timing.total_ms, body),
  };

  function clear() {
    say($("plate-info"), "…");
    for (const name of ["menu", "reviews"]) $(`plate-${name}`).replaceChildren(el("li", { text: "…" }));
    say($("coffee-summary"), "");
  }

  async function run() {
    const all = requests(restaurantId() || "resto_123");
    start.disabled = true;
    clear();
    show();
    const began = performance.now();
    const took = {};
    let isOver = false;
    const soFar = (part) => took[part] ?? performance.now() - began;
    const draw = () => {
      const parts = PARTS.slice(0, 3).map(soFar);
      // The usual length until the real one is known, so that bars grow instead of the scale.
      const whole = Math.max(isOver ? 0 : USUAL_MS, parts[0] + parts[1] + parts[2], soFar("full"));
      for (const part of PARTS) {
        setVar(rows[part], "--share", soFar(part) / whole);
        rows[part].classList.toggle("done", took[part] != null);
        say(rows[part].querySelector("output"),
          took[part] == null ? "…" : took[part] ? duration(took[part]) : "no answer");
      }
      let at = 0;
      [...sum.querySelectorAll("i")].forEach((piece, i) => {
        setVar(piece, "--from", at / whole);
        setVar(piece, "--share", parts[i] / whole);
        at += parts[i];
      });
      say(sum.querySelector("output"), took.info && took.menu && took.reviews ? duration(at) : isOver ? "–" : "…");
      return at;
    };
    const stop = ticking(draw);
    const results = await Promise.allSettled(PARTS.map(async (part) => {
      const { body } = await ask(all[part].path);
      took[part] = performance.now() - began;
      arrived[part](body);
    }));
    stop();
    isOver = true;
    const failure = results.find((r) => r.status === "rejected");
    if (failure) {
      for (const part of PARTS) took[part] ??= 0;
      shown.answer(failure.reason.status || "No answer", failure.reason.ms, failure.reason.body ?? "");
      say($("coffee-summary"), `${failure.reason.message.replace(/\.$/, "")}. Please try again.`);
      draw();
      for (const plate of document.querySelectorAll(".plates p, .plates li")) {
        if (plate.textContent === "…") say(plate, "–");
      }
    } else {
      const inTurn = draw();
      const atOnce = Math.max(took.info, took.menu, took.reviews);
      say($("coffee-summary"),
        `All three in ${duration(atOnce)} instead of ${duration(inTurn)}: as long as the slowest, not as long as the sum.`);
    }
    start.disabled = false;
  }

  start.addEventListener("click", run);
  show();
  return { refresh: () => { if (!start.disabled) show(); } };
}
