// The page of one order: /track/<order id>.

import { $ } from "./dom.js";
import "./banner.js";
import { Order } from "./order.js";
import { Tracker } from "./tracker.js";

const id = location.pathname.split("/")[2] ?? "";
const tracker = new Tracker($("tracker"));
const order = new Order(id);

order.addEventListener("over", () => {
  $("again").hidden = false;
  if (order.isKnown) return;
  document.title = "No such order · Tiffin";
  $("live-title").textContent = "No such order";
});
order.addEventListener("change", () => {
  document.title = `${order.about ? `${order.about.item} · ` : ""}Tiffin`;
});
tracker.show(order);
order.open();
