// Draws an order: a tiffin that fills, a progress line, marks for payment and kitchen, what happened
// and when. It fills the elements with data-… hooks that its root has; a root may leave some out.

import { el, say, clock } from "./dom.js";
import { explain } from "./net.js";
import { drawTiffin } from "./tiffin.js";
import { copyButton } from "./wire.js";
import { STEPS, short, word, changes, farewell, isCancellable, isSettled, money } from "./words.js";

const CONNECTIONS = {
  connecting: ["waiting", "Connecting …"],
  live: ["live", "Live"],
  waiting: ["waiting", "Reconnecting …"],
  paused: ["idle", "Paused"],
};

export class Tracker {
  constructor(root) {
    this.root = root;
    this.idle = this.hook("confirmation")?.textContent;
    this.#build();
    this.hook("cancel")?.addEventListener("click", () => this.#cancel());
    const share = this.hook("share");
    if (share) {
      share.append(copyButton("Copy link", () => this.order?.link ?? ""));
    }
  }

  // What is the same in every root stands here, not in each page.
  #build() {
    this.steps = STEPS.map((step, i) =>
      el("li", { class: `tier-${i + 1}` }, el("span", { text: short(step) }), el("time")));
    this.hook("steps").replaceChildren(...this.steps);
    const box = this.hook("tiffin");
    this.tiers = box ? drawTiffin(box) : [];
    this.hook("facts")?.replaceChildren(...["Status", "Payment", "Kitchen"].map((name) => el("div", {},
      el("dt", { text: name }),
      el("dd", { text: "–", [`data-${name.toLowerCase()}`]: true, "aria-live": name === "Status" ? "polite" : null }))));
  }

  hook(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  #say(name, text) {
    const node = this.hook(name);
    if (node) say(node, text);
  }

  #hide(name, isHidden) {
    const node = this.hook(name);
    if (node) node.hidden = isHidden;
  }

  show(order, confirmation) {
    this.order = order;
    this.drawn = 0;
    this.hook("history")?.replaceChildren();
    this.#say("confirmation", confirmation ?? this.idle ?? "");
    this.#say("note", "");
    for (const name of ["status", "payment", "kitchen"]) {
      this.#say(name, "–");
      this.hook(name)?.parentElement.removeAttribute("data-mark");
    }
    this.#hide("log", true);
    this.#steps([]);
    const mine = (draw) => () => { if (this.order === order) draw(); };
    order.addEventListener("change", mine(() => this.#draw()));
    order.addEventListener("connection", mine(() => this.#connection()));
    order.addEventListener("over", mine(() => this.#over()));
    this.#link();
    this.#draw();
    this.#connection();
    if (order.isOver) this.#over();
  }

  #link() {
    this.#hide("share", false);
    for (const a of this.root.querySelectorAll("[data-link]")) {
      a.href = this.order.link;
      if (a.dataset.link === "id") a.textContent = this.order.id;
    }
  }

  #draw() {
    const { versions, now, about } = this.order;
    if (about) {
      this.#hide("title", false);
      this.#say("title", `${about.quantity} × ${about.item}, ${about.restaurant}` +
        (about.amount_cents ? `, ${money(about.amount_cents, about.currency)}` : ""));
    }
    if (!now) return;
    this.#say("status", word(now.status));
    this.#say("payment", word(now.payment_status));
    this.#say("kitchen", word(now.kitchen_status));
    this.hook("payment")?.parentElement.setAttribute("data-mark", now.payment_status);
    this.hook("kitchen")?.parentElement.setAttribute("data-mark", now.kitchen_status);
    this.#hide("cancel", !isCancellable(now));
    this.#steps(versions);
    const list = this.hook("history");
    if (!list) return;
    for (; this.drawn < versions.length; this.drawn++) {
      const v = versions[this.drawn];
      list.append(el("li", {}, el("time", { datetime: v.timestamp, text: clock(v.timestamp) }),
        el("span", { text: changes(v, versions[this.drawn - 1]) })));
    }
    this.#hide("log", false);
  }

  #steps(versions) {
    const status = versions.at(-1)?.status;
    // A cancelled order keeps what it had reached.
    const reached = Math.max(-1, ...versions.map((v) => STEPS.indexOf(v.status)));
    const isGoing = STEPS.includes(status) && status !== "delivered";
    this.steps.forEach((li, i) => {
      const isNow = isGoing && i === reached;
      for (const node of [li, this.tiers[i]]) {
        node?.classList.toggle("done", i <= reached && !isNow);
        node?.classList.toggle("now", isNow);
      }
      if (isNow) li.setAttribute("aria-current", "step");
      else li.removeAttribute("aria-current");
      const first = versions.find((v) => v.status === STEPS[i]);
      const time = li.querySelector("time");
      if (first) time.dateTime = first.timestamp;
      else time.removeAttribute("datetime");
      say(time, first ? clock(first.timestamp) : "");
    });
    this.hook("tiffin")?.classList.toggle("is-open", status === "delivered");
  }

  #connection() {
    const { connection, reconnections } = this.order;
    if (connection === "over") return;
    const [state, text] = CONNECTIONS[connection] ?? CONNECTIONS.connecting;
    this.#pill(state, text);
    if (connection === "live" && reconnections) {
      this.#say("note", `The line broke and is back since ${clock(Date.now())}; nothing was missed.`);
    } else if (connection === "waiting") {
      this.#say("note", this.order.now
        ? "The line broke. The order goes on; this page calls again by itself."
        : "The order cannot be read at the moment; this page asks again by itself.");
    }
  }

  #pill(state, text) {
    const pill = this.hook("connection");
    if (!pill) return;
    pill.dataset.state = state;
    say(pill, text);
  }

  #over() {
    const { now, isKnown } = this.order;
    this.#hide("cancel", true);
    this.#say("note", "");
    if (!isKnown) {
      this.#pill("idle", "Not found");
      this.#say("confirmation", "There is no order with this link. Perhaps a part of it was not copied, or the order is long over.");
      this.#hide("share", true);
      this.#hide("title", true);
      this.root.classList.add("unknown");
      return;
    }
    this.#pill(now?.status === "delivered" ? "done" : "idle", now && isSettled(now) ? word(now.status) : "Finished");
    if (now) this.#say("confirmation", farewell(now));
  }

  async #cancel() {
    const { order } = this;
    const button = this.hook("cancel");
    button.disabled = true;
    this.#say("note", "Asking to cancel …");
    try {
      await order.cancel();
      if (!order.isOver) this.#say("note", "Cancelled. What was paid is paid back.");
    } catch (error) {
      this.#say("note", explain(error));
    } finally {
      button.disabled = false;
    }
  }
}
