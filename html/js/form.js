// The order form: choose, order. An order is sent with a key of its own, so that sending it again
// after a lost answer places it once.

import { $, el } from "./dom.js";
import { ask, persist, newKey, isPassing } from "./net.js";
import { money } from "./words.js";

const RESTAURANT_STORE = "tiffin-restaurant";

// Calls onPlaced(answer, about, request) for each order, onSubmitted() after that when it was placed
// by this form, onMenu(menu) as one arrives. Returns { order(dish) }, which places one portion at once.
export function orderForm({ onPlaced, onSubmitted, onMenu }) {
  const form = $("order-form");
  const restaurant = $("restaurant");
  const item = $("item");
  const quantity = $("quantity");
  const submit = $("submit");
  let menu = { items: [], currency: "USD" };
  let restaurants = [];
  let isSending = false;
  let key = null; // of the choice that is being sent; the same for each repetition of it

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
      const { body } = await persist(() => ask("/restaurants"), {
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
      const before = localStorage.getItem(RESTAURANT_STORE);
      if (restaurants.some((r) => r.id === before)) restaurant.value = before;
      restaurant.disabled = false;
      await loadMenu();
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
      const { body } = await persist(() => ask(path), {
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

  async function send(choice) {
    key ??= newKey();
    const request = {
      method: "POST", path: "/order", headers: { "Idempotency-Key": key }, json: choice,
    };
    const answer = await persist(() => ask("/order", request), {
      tries: 5,
      onWait: (error) => message(error.status === 429
        ? `${error.message} Sending the same order again …`
        : "No answer yet. Sending the same order again …", true),
    });
    key = null;
    return { answer, request };
  }

  // -> was it placed?
  async function place(choice) {
    if (isSending) return false;
    isSending = true;
    // The key stands for this choice: it must not change on the way.
    const controls = [restaurant, item, quantity];
    const wereDisabled = controls.map((control) => control.disabled);
    controls.forEach((control) => { control.disabled = true; });
    submit.textContent = "Placing …";
    message("");
    showTotal();
    const dish = menu.items.find((d) => d.name === choice.item);
    const about = {
      ...choice,
      restaurant: restaurants.find((r) => r.id === choice.restaurant_id)?.name ?? choice.restaurant_id,
      amount_cents: dish ? dish.price_cents * choice.quantity : 0,
      currency: menu.currency,
    };
    try {
      const { answer, request } = await send(choice);
      message("");
      onPlaced(answer, about, request);
      return true;
    } catch (error) {
      if (!isPassing(error)) key = null; // refused for good: the next try is a new order
      message(isPassing(error)
        ? `${error.message} Press the button again: the same order is never placed twice.`
        : error.message);
      return false;
    } finally {
      controls.forEach((control, i) => { control.disabled = wereDisabled[i]; });
      isSending = false;
      submit.textContent = "Place the order";
      showTotal();
    }
  }

  function onChoice() {
    key = null; // another order
    showTotal();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    place(chosen()).then((isPlaced) => { if (isPlaced) onSubmitted(); });
  });
  restaurant.addEventListener("change", () => {
    localStorage.setItem(RESTAURANT_STORE, restaurant.value);
    onChoice();
    loadMenu();
  });
  item.addEventListener("change", onChoice);
  quantity.addEventListener("input", onChoice);
  loadRestaurants();

  return {
    order(dish) {
      key = null;
      place({ restaurant_id: restaurant.value, item: dish, quantity: 1 });
    },
  };
}
