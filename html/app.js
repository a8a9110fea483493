// The order page: choose, order, watch. Two things are worth a look:
// an order is sent with a key, so that sending it twice places it once, and the
// live status is a stream (EventSource) that the browser takes up again by itself.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const form = $("order-form");
  const STORE = "tiffin-order";
  const STEPS = ["order_placed", "preparing_food", "quality_check", "out_for_delivery", "delivered"];
  const WORDS = {
    order_placed: "Order placed",
    preparing_food: "Cooking",
    quality_check: "Quality check",
    out_for_delivery: "Out for delivery",
    delivered: "Delivered",
    payment_failed: "Payment failed",
    cancelled: "Cancelled",
    needs_review: "Being looked at by a person",
    pending: "Pending",
    paid: "Paid",
    declined: "Declined",
    refunded: "Refunded",
    not_charged: "Not charged",
    acknowledged: "Accepted",
  };
  const word = (name) => WORDS[name] || String(name || "–").replaceAll("_", " ");

  // ---- asking the API ------------------------------------------------------

  // Resolves to the parsed answer; rejects with an Error whose message is for
  // people and whose `status` is HTTP's (0: nobody answered).
  async function api(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw Object.assign(new Error("The server cannot be reached."), { status: 0 });
    }
    const body = await response.json().catch(() => ({}));
    if (!response.ok) {
      const text = body.error || body.detail || `The server answered ${response.status}.`;
      throw Object.assign(new Error(text), { status: response.status });
    }
    return body;
  }

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const isPassing = (error) => error.status === 0 || error.status === 429 || error.status >= 500;

  // Reading may be repeated freely: a few times, a little later each time.
  async function read(path) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await api(path);
      } catch (error) {
        if (!isPassing(error) || attempt === 4) throw error;
        await pause(500 * 2 ** attempt);
      }
    }
  }

  // ---- choosing ------------------------------------------------------------

  const restaurant = $("restaurant");
  const item = $("item");
  const quantity = $("quantity");
  let menu = { items: [], currency: "USD" };

  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  function money(minorUnits) {
    const format = new Intl.NumberFormat("en", { style: "currency", currency: menu.currency });
    return format.format(minorUnits / 10 ** format.resolvedOptions().maximumFractionDigits);
  }

  function showMessage(text) {
    $("form-message").textContent = text;
  }

  function showTotal() {
    const chosen = menu.items.find((dish) => dish.name === item.value);
    const n = Number(quantity.value);
    $("total").textContent = chosen && n > 0 ? money(chosen.price_cents * n) : "–";
    $("submit").disabled = !chosen || isSending;
  }

  async function loadRestaurants() {
    try {
      const { restaurants } = await read("/restaurants");
      restaurant.replaceChildren(
        ...restaurants.map((r) => option(r.id, `${r.name} · ${r.cuisine} · ★ ${r.rating}`)));
      restaurant.disabled = false;
      await loadMenu();
    } catch (error) {
      restaurant.replaceChildren(option("", "No restaurants at the moment"));
      showMessage(`${error.message} Please load the page again in a moment.`);
    }
  }

  let menuRequest = 0; // only the answer to the last choice counts
  async function loadMenu() {
    const mine = ++menuRequest;
    item.disabled = true;
    item.replaceChildren(option("", "Fetching the menu…"));
    menu = { items: [], currency: "USD" };
    showTotal();
    try {
      const answer = await read(`/restaurants/${encodeURIComponent(restaurant.value)}/menu`);
      if (mine !== menuRequest) return;
      menu = { items: answer.items, currency: answer.currency || "USD" };
      item.replaceChildren(
        ...menu.items.map((dish) => option(dish.name, `${dish.name} · ${money(dish.price_cents)}`)));
      item.disabled = false;
      showMessage("");
    } catch (error) {
      if (mine !== menuRequest) return;
      item.replaceChildren(option("", "No menu at the moment"));
      showMessage(error.message);
    }
    showTotal();
  }

  // ---- ordering --------------------------------------------------------------

  let isSending = false;
  let key = null; // of the order being sent; the same for each repetition of it

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  }

  function sendOrder() {
    return api("/order", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify({
        restaurant_id: restaurant.value,
        item: item.value,
        quantity: Number(quantity.value),
      }),
    });
  }

  async function placeOrder() {
    key ??= newKey();
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await sendOrder();
        key = null;
        return answer;
      } catch (error) {
        if (!isPassing(error)) key = null; // refused for good: the next try is a new order
        if (!isPassing(error) || attempt === 3) throw error;
        showMessage("No answer yet. Sending the same order again …");
        await pause(1000 * 2 ** attempt);
      }
    }
  }

  async function onSubmit(event) {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    $("submit").textContent = "Placing …";
    // The key stands for this choice: it must not change on the way.
    const controls = [restaurant, item, quantity];
    const wereDisabled = controls.map((control) => control.disabled);
    showMessage("");
    showTotal();
    try {
      const request = placeOrder();
      controls.forEach((control) => { control.disabled = true; });
      const answer = await request;
      showMessage("");
      startOrder(answer.order_id, answer.message);
    } catch (error) {
      showMessage(isPassing(error)
        ? `${error.message} Press the button again: the same order is never placed twice.`
        : error.message);
    } finally {
      controls.forEach((control, i) => { control.disabled = wereDisabled[i]; });
      isSending = false;
      $("submit").textContent = "Place the order";
      showTotal();
    }
  }

  function onChoice() {
    key = null; // another order
    showTotal();
  }

  // ---- watching ----------------------------------------------------------------

  let order = null; // { id, version, last, isOver } of the order on show
  let source = null;

  function showConnection(state, text) {
    const pill = $("connection");
    pill.dataset.state = state;
    pill.textContent = text;
    $("reconnect").hidden = state !== "lost";
  }

  function showSteps(status) {
    const reached = STEPS.indexOf(status);
    document.querySelectorAll("#steps li").forEach((li, i) => {
      if (reached < 0) { // cancelled and the like: keep what was done
        li.classList.remove("now");
        li.removeAttribute("aria-current");
        return;
      }
      const isLast = status === "delivered";
      li.classList.toggle("done", i < reached || isLast);
      li.classList.toggle("now", i === reached && !isLast);
      if (i === reached) li.setAttribute("aria-current", "step");
      else li.removeAttribute("aria-current");
    });
  }

  // What is new in this version, in words.
  function changes(v, before) {
    const parts = [];
    if (v.status !== before.status) parts.push(word(v.status));
    if (before.payment_status && v.payment_status !== before.payment_status) {
      parts.push(`Payment: ${word(v.payment_status).toLowerCase()}`);
    }
    if (before.kitchen_status && v.kitchen_status !== before.kitchen_status) {
      parts.push(`Kitchen: ${word(v.kitchen_status).toLowerCase()}`);
    }
    return parts.join(" · ") || word(v.status);
  }

  // One version of the order, from the stream or from history.
  function showVersion(v) {
    if (v.version <= order.version) return;
    const what = changes(v, order.last);
    order.version = v.version;
    order.last = v;
    $("status").textContent = word(v.status);
    $("payment").textContent = word(v.payment_status);
    $("kitchen").textContent = word(v.kitchen_status);
    showSteps(v.status);

    const time = document.createElement("time");
    time.dateTime = v.timestamp;
    time.textContent = new Date(v.timestamp).toLocaleTimeString();
    const text = document.createElement("span");
    text.textContent = what;
    const line = document.createElement("li");
    line.append(time, text);
    $("history").append(line);
    $("history-title").hidden = false;
  }

  function endOrder(status) {
    order.isOver = true;
    closeStream();
    sessionStorage.removeItem(STORE);
    showConnection("idle", status === "delivered" ? "Delivered" : "Finished");
  }

  function closeStream() {
    if (source) source.close();
    source = null;
  }

  // The browser has given up: the order may be over (204), unknown, or out of
  // reach. Its own page tells which.
  async function onGivenUp(mine) {
    showConnection("waiting", "Checking …");
    try {
      const now = await api(`/order/${encodeURIComponent(mine.id)}`);
      if (order !== mine) return;
      now.history.forEach((h) => showVersion({ ...h, timestamp: h.at }));
      const isSettled = ["delivered", "payment_failed"].includes(now.status) ||
        (now.status === "cancelled" && ["not_charged", "declined", "refunded"].includes(now.payment_status));
      if (isSettled) endOrder(now.status);
      else showConnection("lost", "Connection lost");
    } catch (error) {
      if (order !== mine) return;
      if (error.status === 404) {
        order.isOver = true;
        sessionStorage.removeItem(STORE);
        showConnection("idle", "This order is not known");
      } else {
        showConnection("lost", "Connection lost");
      }
    }
  }

  function openStream() {
    closeStream();
    if (!order || order.isOver) return; // never again after the end
    const mine = order;
    const stream = new EventSource(`/order/${encodeURIComponent(mine.id)}/live-status`);
    source = stream;
    showConnection("waiting", "Connecting …");
    stream.onopen = () => showConnection("live", "Live");
    stream.onmessage = (event) => showVersion(JSON.parse(event.data));
    stream.addEventListener("end", (event) => {
      if (source === stream) endOrder(JSON.parse(event.data).status);
    });
    stream.onerror = () => {
      if (source !== stream || mine.isOver) return;
      if (stream.readyState === EventSource.CONNECTING) {
        showConnection("waiting", "Reconnecting …");
      } else {
        closeStream();
        onGivenUp(mine);
      }
    };
  }

  function startOrder(id, message) {
    order = { id, version: 0, last: {}, isOver: false };
    sessionStorage.setItem(STORE, id);
    $("confirmation").textContent = message;
    $("order-id").textContent = id;
    $("order-id-line").hidden = false;
    $("history").replaceChildren();
    $("history-title").hidden = true;
    for (const name of ["status", "payment", "kitchen"]) $(name).textContent = "–";
    document.querySelectorAll("#steps li").forEach((li) => li.classList.remove("done", "now"));
    openStream();
  }

  // ---- wiring --------------------------------------------------------------------

  form.addEventListener("submit", onSubmit);
  restaurant.addEventListener("change", () => { onChoice(); loadMenu(); });
  item.addEventListener("change", onChoice);
  quantity.addEventListener("input", onChoice);
  $("reconnect").addEventListener("click", openStream);
  // A page kept for the back button holds no stream open.
  window.addEventListener("pagehide", closeStream);
  window.addEventListener("pageshow", (event) => { if (event.persisted) openStream(); });

  loadRestaurants();
  const running = sessionStorage.getItem(STORE);
  if (running) startOrder(running, "This is the order you placed before.");
})();
