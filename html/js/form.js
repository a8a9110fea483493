// The order form: choose, order. An order is sent under a key (keys.js), so that sending it again
// after a lost answer places it once.

import { $, el } from "./dom.js";
import { post, regret, unanswered } from "./keys.js";
import { ask, explain, withRetry } from "./net.js";
import { browser } from "./store.js";
import { money } from "./words.js";

const RESTAURANT_STORE = "tiffin-restaurant";
const PROMISE = "Order the same again: it is never placed twice.";
const PRESS_MS = 500; // as long as a double click may take

// Calls onPlaced(placed, about) for each order, with post()'s answer; onSubmitted() after that when it
// was placed by this form; onMenu(menu) as one arrives. Returns { order(dish, tell) }, which places one
// portion at once and tells what the form says meanwhile.
export function orderForm({ onPlaced, onSubmitted, onMenu }) {
  const form = $("order-form");
  const restaurant = $("restaurant");
  const item = $("item");
  const quantity = $("quantity");
  const submit = $("submit");
  let menu = { items: [], currency: "USD" };
  let restaurants = [];
  let isSending = false;
  let pressed = null; // { choice, at } of the last order that was placed

  const option = (value, text) => el("option", { value, text });
  const message = (text, isPatient = false) => {
    $("form-message").textContent = text;
    $("form-message").classList.toggle("waits", isPatient);
  };

  function showTotal() {
    const dish = menu.items.find((d) => d.name === item.value);
    const n = Number(quantity.value);
    $("total").textContent = dish && n > 0 ? money(dish.price_cents * n, menu.currency) : "–";
    submit.disabled = !dish || isSending;
  }

  // ---- choosing --------------------------------------------------------------------------------

  async function loadRestaurants() {
    try {
      const { body } = await withRetry(() => ask("/restaurants"), {
        tries: Infinity,
        onWait: () => restaurant.replaceChildren(option("", "Waiting for the restaurants …")),
      });
      restaurants = body.restaurants;
      restaurant.replaceChildren(
        ...restaurants.map((r) => option(r.id, `${r.name} · ${r.cuisine} · ★ ${r.rating}`)));
      if (!restaurants.length) {
        restaurant.replaceChildren(option("", "No restaurant is open"));
        item.replaceChildren(option("", "No menu"));
        return;
      }
      const before = browser.get(RESTAURANT_STORE);
      if (restaurants.some((r) => r.id === before)) restaurant.value = before;
      restaurant.disabled = false;
      await loadMenu();
      remind();
    } catch (error) {
      restaurant.replaceChildren(option("", "No restaurants at the moment"));
      message(error.message);
    }
  }

  let menuRequest = 0; // only the answer to the last choice counts
  async function loadMenu() {
    const mine = ++menuRequest;
    item.disabled = true;
    item.replaceChildren(option("", "Fetching the menu …"));
    menu = { items: [], currency: "USD" };
    onMenu(null);
    showTotal();
    try {
      const path = `/restaurants/${encodeURIComponent(restaurant.value)}/menu`;
      const { body } = await withRetry(() => ask(path), {
        tries: Infinity,
        onWait: () => mine === menuRequest && item.replaceChildren(option("", "Waiting for the menu …")),
      });
      if (mine !== menuRequest) return;
      menu = { items: body.items, currency: body.currency ?? "USD" };
      item.replaceChildren(
        ...menu.items.map((d) => option(d.name, `${d.name} · ${money(d.price_cents, menu.currency)}`)));
      item.disabled = !menu.items.length;
      if (item.disabled) item.replaceChildren(option("", "Nothing on the menu"));
      message("");
      onMenu({ ...menu, restaurant: restaurants.find((r) => r.id === restaurant.value) });
    } catch (error) {
      if (mine !== menuRequest) return;
      item.replaceChildren(option("", "No menu at the moment"));
      message(error.message);
    }
    showTotal();
  }

  // ---- ordering --------------------------------------------------------------------------------

  const chosen = () => ({
    restaurant_id: restaurant.value,
    item: item.value,
    quantity: Number(quantity.value),
  });

  const nameOf = (id) => restaurants.find((r) => r.id === id)?.name ?? id;

  // Before this page was loaded anew, perhaps.
  function remind() {
    const order = unanswered("/order").at(-1);
    if (!order?.item) return;
    message(`No answer has come to your order of ${order.quantity} × ${order.item}, ` +
      `${nameOf(order.restaurant_id)}. ${PROMISE}`, true);
  }

  // Is this the other half of the press that placed the last order: of a double click, of Enter and a
  // click, of a key held down? With a quick server that one is answered by now.
  function isSamePress(choice) {
    const now = performance.now();
    const isSame = pressed?.choice === JSON.stringify(choice) && now - pressed.at < PRESS_MS;
    pressed = isSame ? { ...pressed, at: now } : null;
    return isSame;
  }

  // `tell` hears what the form says. -> was it placed?
  async function place(choice, tell = () => {}) {
    if (isSending) return false;
    const says = (text, isPatient) => {
      message(text, isPatient);
      if (text) tell(text);
    };
    if (isSamePress(choice)) {
      says("Placed, once. To order the same once more, press again.", true);
      return false;
    }
    isSending = true;
    // What is chosen must not change on the way: it is the key's.
    const controls = [restaurant, item, quantity];
    const wereDisabled = controls.map((control) => control.disabled);
    controls.forEach((control) => { control.disabled = true; });
    submit.textContent = "Placing …";
    message("");
    showTotal();
    const dish = menu.items.find((d) => d.name === choice.item);
    const about = {
      ...choice,
      restaurant: nameOf(choice.restaurant_id),
      amount_cents: dish ? dish.price_cents * choice.quantity : 0,
      currency: menu.currency,
    };
    try {
      const placed = await post("/order", choice, {
        tries: 5,
        onWait: (error) => says(`${error.status ? explain(error) : "No answer yet."} ` +
          "Sending the same order again …", true),
      });
      pressed = { choice: JSON.stringify(choice), at: performance.now() };
      message("");
      onPlaced(placed, about);
      return true;
    } catch (error) {
      says(regret(error, PROMISE));
      return false;
    } finally {
      controls.forEach((control, i) => { control.disabled = wereDisabled[i]; });
      isSending = false;
      submit.textContent = "Place the order";
      showTotal();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    place(chosen()).then((isPlaced) => { if (isPlaced) onSubmitted(); });
  });
  restaurant.addEventListener("change", () => {
    browser.set(RESTAURANT_STORE, restaurant.value);
    showTotal();
    loadMenu();
  });
  item.addEventListener("change", showTotal);
  quantity.addEventListener("input", showTotal);
  loadRestaurants();

  return {
    order(dish, tell) {
      place({ restaurant_id: restaurant.value, item: dish, quantity: 1 }, tell);
    },
  };
}
