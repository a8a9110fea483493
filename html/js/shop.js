// Exhibit 3, shopping online: confirmed in milliseconds, then the background work as it happens.

import { $, el, say, setVar, duration, ticking } from "./dom.js";
import { wire } from "./wire.js";
import { STEPS, changes, money } from "./words.js";

// The expected versions of an order, until the real ones arrive.
const PLAN = [
  { status: STEPS[0], payment_status: "pending", kitchen_status: "pending" },
  { status: STEPS[0], payment_status: "paid", kitchen_status: "pending" },
  ...STEPS.map((status) => ({ status, payment_status: "paid", kitchen_status: "acknowledged" })),
];
const LEAST_MS = 16000;   // the least width of the drawing until the order is over

export function shop(order) {
  const shown = wire($("shop-wire"));
  const chips = $("shop-menu");
  const lines = $("shop-lines");
  const tell = (text) => say($("shop-summary"), text);
  let stopDrawing = () => {};
  shown.request({ method: "POST", path: "/order", json: { restaurant_id: "resto_123", item: "Curry", quantity: 1 } });

  function bar(label) {
    return el("li", { class: "bar ahead" }, el("span", { text: label }), el("i"), el("output"));
  }
  function reset() {
    lines.replaceChildren(...PLAN.map((version, i) => bar(changes(version, PLAN[i - 1]))));
  }
  reset();

  return {
    menu(menu) {
      say($("shop-where"), !menu ? "Fetching the menu …" : menu.items.length
        ? `From the menu of ${menu.restaurant.name}:` : `${menu.restaurant.name} has nothing to offer now.`);
      chips.replaceChildren(...(menu?.items ?? []).map((dish) => el("li", {}, el("button", {
        type: "button", class: "chip", on: { click: () => order(dish.name, tell) },
      }, dish.name, " ", el("small", { text: money(dish.price_cents, menu.currency) })))));
    },

    show(o) {
      stopDrawing();
      reset();
      const { receipt } = o;
      if (receipt) {
        shown.request(receipt.request);
        shown.answer(receipt.status, receipt.ms, receipt.body);
        tell(receipt.since
          ? "The answer to your first try had been lost; this one says what became of it. The history was read back."
          : `Confirmed in ${duration(receipt.ms)}: the order is on disk. Everything below happened after the answer.`);
      } else {
        shown.request({ method: "GET", path: o.path });
        shown.status("");
        tell("This order was placed before the page was loaded; its history was read back.");
      }
      let wasOver = false;
      const stop = ticking(() => {
        const { versions } = o;
        if (!versions.length) return;
        const at = versions.map((v) => Date.parse(v.timestamp));
        const nowMs = o.isOver ? at.at(-1) : o.serverMs;
        const whole = Math.max(o.isOver ? 1 : LEAST_MS, nowMs - at[0]);
        const wanted = Math.max(PLAN.length, versions.length + (o.isOver ? 0 : 1));
        while (lines.children.length < wanted) lines.append(bar("\u00a0"));
        [...lines.children].forEach((li, i) => {
          const [label, , out] = li.children;
          if (i > versions.length || (i === versions.length && o.isOver)) {
            setVar(li, "--share", 0);
            if (o.isOver) { // it ended otherwise: these never came
              say(label, "\u00a0");
              li.classList.add("never");
            }
            return;
          }
          const isNow = i === versions.length;
          const from = at[Math.max(0, i - 1)] - at[0];
          const to = isNow ? nowMs - at[0] : at[i] - at[0];
          if (!isNow) say(label, changes(versions[i], versions[i - 1]));
          setVar(li, "--from", from / whole);
          setVar(li, "--share", Math.max((to - from) / whole, 0.004));
          li.classList.toggle("done", !isNow);
          li.classList.toggle("ahead", isNow);
          say(out, isNow ? "…" : i ? `+${duration(to)}` : "at once");
        });
        if (o.isOver && wasOver) stop();
        wasOver = o.isOver;
      });
      stopDrawing = stop;
    },
  };
}
