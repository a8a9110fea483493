// The order form: choose, order. An order is sent under a key (keys.js), so that sending it again
// after a lost answer places it once.

import { $ } from "./dom.js";
import { post, regret, unanswered } from "./keys.js";
import { explain } from "./net.js";
import { Picker } from "./picker.js";

const PROMISE = "Order the same again: it is never placed twice.";
const PRESS_MS = 500; // as long as a double click may take

function message(text, isPatient = false) {
  $("form-message").textContent = text;
  $("form-message").classList.toggle("waits", isPatient);
}

export class OrderForm {
  // onPlaced(placed, about) for each order, with post()'s answer; onSubmitted() after that when it
  // was placed by this form; onMenu(menu) as Picker tells it.
  constructor({ onPlaced, onSubmitted, onMenu }) {
    this.onPlaced = onPlaced;
    this.picker = new Picker({ onMenu, onTrouble: message });
    this.pressed = null; // { choice, at } of the last order that was placed
    $("order-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await this.#place(this.picker.choice)) onSubmitted();
    });
    this.#load();
  }

  // Places one portion at once; `tell` hears what the form says meanwhile.
  order(dish, tell) {
    this.#place({ ...this.picker.choice, item: dish, quantity: 1 }, tell);
  }

  async #load() {
    if (await this.picker.load()) this.#remind();
  }

  // Of an order without an answer: before this page was loaded anew, perhaps.
  #remind() {
    const order = unanswered("/order").at(-1);
    if (!order?.item) return;
    message(`No answer has come to your order of ${order.quantity} × ${order.item}, ` +
      `${this.picker.nameOf(order.restaurant_id)}. ${PROMISE}`, true);
  }

  // Is this the other half of the press that placed the last order: of a double click, of Enter and a
  // click, of a key held down? With a quick server that one is answered by now.
  #isSamePress(choice) {
    const now = performance.now();
    const isSame = this.pressed?.choice === JSON.stringify(choice) && now - this.pressed.at < PRESS_MS;
    this.pressed = isSame ? { ...this.pressed, at: now } : null;
    return isSame;
  }

  // -> was it placed?
  async #place(choice, tell = () => {}) {
    if (this.picker.isLocked) return false;
    const says = (text, isPatient) => {
      message(text, isPatient);
      tell(text);
    };
    if (this.#isSamePress(choice)) {
      says("Placed, once. To order the same once more, press again.", true);
      return false;
    }
    const about = this.picker.describe(choice);
    this.picker.lock(); // what is chosen must not change on the way: it is the key's
    $("submit").textContent = "Placing …";
    message("");
    try {
      const placed = await post("/order", choice, {
        tries: 5,
        onWait: (error) => says(`${error.status ? explain(error) : "No answer yet."} ` +
          "Sending the same order again …", true),
      });
      this.pressed = { choice: JSON.stringify(choice), at: performance.now() };
      message("");
      this.onPlaced(placed, about);
      return true;
    } catch (error) {
      says(regret(error, PROMISE));
      return false;
    } finally {
      $("submit").textContent = "Place the order";
      this.picker.unlock();
    }
  }
}
