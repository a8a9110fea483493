// What can be ordered: a restaurant, a dish of its menu, how many.

import { $, el } from "./dom.js";
import { ask, withRetry } from "./net.js";
import { browser } from "./store.js";
import { money } from "./words.js";

const STORE = "tiffin-restaurant";
const NO_MENU = { items: [], currency: "USD" };

const show = (select, ...options) =>
  select.replaceChildren(...options.map(([value, text]) => el("option", { value, text })));

export class Picker {
  // onMenu(menu): one has arrived ({ items, currency, restaurant }), or null: it is being fetched.
  // onTrouble(text): there is nothing to choose from, and why; "" = there is again.
  constructor({ onMenu, onTrouble }) {
    Object.assign(this, { onMenu, onTrouble });
    this.restaurant = $("restaurant");
    this.item = $("item");
    this.quantity = $("quantity");
    this.restaurants = [];
    this.menu = NO_MENU;
    this.attempt = 0; // to fetch a menu: only the answer to the last one counts
    this.isLocked = false;
    this.restaurant.addEventListener("change", () => {
      browser.set(STORE, this.restaurant.value);
      this.#loadMenu();
    });
    this.item.addEventListener("change", () => this.#showTotal());
    this.quantity.addEventListener("input", () => this.#showTotal());
  }

  get choice() {
    return { restaurant_id: this.restaurant.value, item: this.item.value, quantity: Number(this.quantity.value) };
  }

  nameOf(id) {
    return this.restaurants.find((r) => r.id === id)?.name ?? id;
  }

  // A choice with what people want to know of it.
  describe(choice) {
    const dish = this.#dish(choice.item);
    return {
      ...choice,
      restaurant: this.nameOf(choice.restaurant_id),
      amount_cents: dish ? dish.price_cents * choice.quantity : 0,
      currency: this.menu.currency,
    };
  }

  // While it is locked nothing can be chosen, nor ordered.
  lock() {
    this.isLocked = true;
    this.controls = [this.restaurant, this.item, this.quantity].map((control) => [control, control.disabled]);
    for (const [control] of this.controls) control.disabled = true;
    this.#showTotal();
  }

  unlock() {
    this.isLocked = false;
    for (const [control, wasDisabled] of this.controls) control.disabled = wasDisabled;
    this.#showTotal();
  }

  // -> is there a restaurant?
  async load() {
    try {
      const { body } = await withRetry(() => ask("/restaurants"), {
        tries: Infinity,
        onWait: () => show(this.restaurant, ["", "Waiting for the restaurants …"]),
      });
      this.#showRestaurants(body.restaurants);
    } catch (error) {
      show(this.restaurant, ["", "No restaurants at the moment"]);
      this.onTrouble(error.message);
      return false;
    }
    if (!this.restaurants.length) return false;
    await this.#loadMenu();
    return true;
  }

  #showRestaurants(restaurants) {
    this.restaurants = restaurants;
    if (!restaurants.length) {
      show(this.restaurant, ["", "No restaurant is open"]);
      show(this.item, ["", "No menu"]);
      return;
    }
    show(this.restaurant, ...restaurants.map((r) => [r.id, `${r.name} · ${r.cuisine} · ★ ${r.rating}`]));
    const before = browser.get(STORE);
    if (restaurants.some((r) => r.id === before)) this.restaurant.value = before;
    this.restaurant.disabled = false;
  }

  async #loadMenu() {
    const attempt = ++this.attempt;
    const isMine = () => attempt === this.attempt;
    const { item } = this;
    item.disabled = true;
    show(item, ["", "Fetching the menu …"]);
    this.menu = NO_MENU;
    this.onMenu(null);
    this.#showTotal();
    try {
      const path = `/restaurants/${encodeURIComponent(this.restaurant.value)}/menu`;
      const { body } = await withRetry(() => ask(path), {
        tries: Infinity,
        onWait: () => isMine() && show(item, ["", "Waiting for the menu …"]),
      });
      if (isMine()) this.#showMenu(body);
    } catch (error) {
      if (!isMine()) return;
      show(item, ["", "No menu at the moment"]);
      this.onTrouble(error.message);
    }
    if (isMine()) this.#showTotal();
  }

  #showMenu({ items, currency = "USD" }) {
    this.menu = { items, currency };
    show(this.item, ...items.map((d) => [d.name, `${d.name} · ${money(d.price_cents, currency)}`]));
    this.item.disabled = !items.length;
    if (!items.length) show(this.item, ["", "Nothing on the menu"]);
    this.onTrouble("");
    this.onMenu({ ...this.menu, restaurant: this.restaurants.find((r) => r.id === this.restaurant.value) });
  }

  #dish(name) {
    return this.menu.items.find((dish) => dish.name === name);
  }

  #showTotal() {
    const { item, quantity } = this.choice;
    const dish = this.#dish(item);
    $("total").textContent = dish && quantity > 0 ? money(dish.price_cents * quantity, this.menu.currency) : "–";
    $("submit").disabled = !dish || this.isLocked;
  }
}
