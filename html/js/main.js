// The home page: puts the form, the five exhibits and the monitor together.

import { $, calm, clock, watchView } from "./dom.js";
import "./banner.js";
import { chat } from "./chat.js";
import { coffee } from "./coffee.js";
import { OrderForm } from "./form.js";
import { monitor } from "./monitor.js";
import { Order } from "./order.js";
import { shop } from "./shop.js";
import { tab } from "./store.js";
import { ticker } from "./ticker.js";
import { Tracker } from "./tracker.js";
import { updateForm } from "./update.js";
import { waiter } from "./waiter.js";

const STORE = "tiffin-order"; // of this tab: a reload keeps it

let form = null;
let current = null;
const views = { tracker: new Tracker($("tracker")), ticker: ticker(), shop: shop((dish, tell) => form.order(dish, tell)) };
const kitchen = coffee(() => $("restaurant").value);

function follow(order, confirmation, options) {
  current?.close();
  current = order;
  views.tracker.show(order, confirmation);
  views.ticker.show(order);
  views.shop.show(order);
  order.addEventListener("over", () => { if (!order.isKnown) tab.remove(STORE); });
  order.open(options);
}

form = new OrderForm({
  onMenu(menu) {
    views.shop.menu(menu);
    kitchen.refresh();
  },
  onPlaced({ answer, request, since }, about) {
    const order = new Order(answer.body.order_id, about);
    order.receipt = { ...answer, request, since };
    tab.set(STORE, order.id);
    follow(order, since
      ? `You sent this order at ${clock(since)} already: it was placed then, and not again.`
      : answer.body.message, { isFresh: !since });
  },
  onSubmitted() { // on a phone the tracker is below the form
    $("tracker").scrollIntoView({ block: "nearest", behavior: calm.matches ? "instant" : "smooth" });
  },
});

waiter();
monitor();
const call = chat();
watchView($("phone-call"), (isSeen) => { if (isSeen) call.begin(); });

updateForm();

const before = tab.get(STORE);
if (before) follow(new Order(before), "This is the order you placed before.");
