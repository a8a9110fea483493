// Exhibit 4, the live news ticker: the order's stream as it comes over the wire, and what happens when
// it is cut.

import { $, say } from "./dom.js";
import { timeline } from "./timeline.js";
import { Tracker } from "./tracker.js";
import { wire } from "./wire.js";

export function ticker() {
  const root = $("ticker");
  const tracker = new Tracker(root);
  const shown = wire($("ticker-wire"));
  const cut = $("ticker-cut");
  const minute = timeline($("ticker-timeline"), ["Line", "News"]);
  let order = null;
  shown.request({ method: "GET", path: "/order/{order_id}/live-status", isStream: true });

  const refresh = () => {
    const isOn = order && !order.isOver && ["live", "waiting", "connecting"].includes(order.connection);
    cut.disabled = !isOn;
  };

  cut.addEventListener("click", () => {
    const ms = order.cut();
    if (ms) say($("ticker-note"), `You hung up. The kitchen goes on; in ${ms / 1000} seconds this page calls again and hears only what it missed.`);
    refresh();
  });

  return {
    show(o) {
      order = o;
      minute.close("Line"); // of the order before
      tracker.show(o);
      shown.request({ method: "GET", path: `${o.path}/live-status`, isStream: true });
      say($("ticker-note"), "");
      const told = () => {
        if (o.isOver) shown.status("The server said end: the line is closed, and nobody calls again.");
        else if (o.connection === "live") shown.status("200, text/event-stream: the line stays open.");
        else shown.status("");
      };
      const mine = (f) => (event) => { if (order === o) f(event); };
      o.addEventListener("line", mine((event) => {
        shown.line(event.detail);
        if (!event.detail.startsWith("(")) minute.mark("News");
      }));
      o.addEventListener("connection", mine(() => {
        refresh();
        told();
        minute[o.connection === "live" ? "open" : "close"]("Line");
        if (o.connection === "live" && o.reconnections) {
          say($("ticker-note"), "Back on the line. What happened meanwhile came at once, in order, and nothing twice.");
        }
      }));
      o.addEventListener("over", mine(() => {
        refresh();
        told();
        minute.close("Line");
        if (o.versions.length && !o.reconnections) say($("ticker-note"), "");
      }));
      if (o.isOver) shown.line("(the order is over; a stream would answer 204)");
      refresh();
    },
  };
}
