// Exhibit 5, the phone call: the support chat, drawn.

import { $, el, plain, say, clock } from "./dom.js";
import { ChatLine } from "./chatline.js";
import { newKey } from "./net.js";
import { browser } from "./store.js";
import { timeline } from "./timeline.js";
import { wire } from "./wire.js";

const STORE = "tiffin-chat";
const COLORS = ["#a84c08", "#23703f", "#1f5fa8", "#8a2f7a", "#7a5a00", "#0f6b6b"];
const KEPT = 200; // lines on the page
const WIRE_CHARS = 300; // of a received line
const BREAKS = { 1008: "Too many messages at once", 1009: "That message was too long" }; // by close code

// Name and colour, as this browser remembers them.
class Speaker {
  constructor(name, color) {
    Object.assign(this, { name, color });
    const before = this.#remembered();
    const pick = Math.floor(Math.random() * 9000) + 1000;
    name.value = this.#word(before.name) || `Guest ${pick}`;
    color.value = this.#word(before.color) || COLORS[pick % COLORS.length];
    name.addEventListener("change", () => {
      name.value = plain(name.value) || `Guest ${pick}`;
      this.#remember();
    });
    color.addEventListener("change", () => this.#remember());
  }

  // What is stored may be anything.
  #remembered() {
    try {
      return JSON.parse(browser.get(STORE)) ?? {};
    } catch {
      return {};
    }
  }

  #word(value) {
    return typeof value === "string" ? plain(value.slice(0, this.name.maxLength)) : "";
  }

  #remember() {
    browser.set(STORE, JSON.stringify({ name: this.name.value, color: this.color.value }));
  }

  says(text) {
    return { user: plain(this.name.value), color: this.color.value, text };
  }

  isOf({ user, color }) {
    return user === this.name.value && color === this.color.value;
  }
}

class ChatView {
  constructor() {
    this.speaker = new Speaker($("chat-name"), $("chat-color"));
    this.wire = wire($("chat-wire"));
    this.timeline = timeline($("chat-timeline"), ["Line", "You say", "You hear"]);
    this.nodes = new Map(); // of the pending messages, by key
    this.line = new ChatLine({
      onState: (state, code) => this.#state(state, code),
      onSent: (json) => this.#sent(json),
      onReceived: (json, type) => this.#received(json, type),
      onMessage: (message, isPending) => this.#message(message, isPending),
      onAccepted: (message) => this.#take(message).remove(),
      onRefused: (message, why) => this.#refused(message, why),
      onNotice: (text) => this.#notice(text),
      onPresent: (n) => this.#present(n),
    });
    $("chat-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.wire.request(this.line.request);
    this.#connection("idle", "Not called yet");
  }

  // ---- connection ------------------------------------------------------------------------------

  #connection(state, text) {
    $("chat-connection").dataset.state = state;
    say($("chat-connection"), text);
    $("chat-send").disabled = state !== "live";
  }

  #state(state, code) {
    const { wasLive } = this.line;
    this.timeline[state === "live" ? "open" : "close"]("Line");
    switch (state) {
      case "connecting":
        this.#connection("waiting", wasLive ? "Calling again …" : "Calling …");
        this.wire.replaceRequest(this.line.request);
        this.wire.status(`Sec-WebSocket-Protocol: ${this.line.request.headers["Sec-WebSocket-Protocol"]}`);
        break;
      case "live":
        this.#connection("live", "On the line");
        if (wasLive) this.#notice(`Connected again at ${clock(Date.now())}; nothing was missed.`);
        break;
      case "waiting":
        this.#connection("waiting", `${BREAKS[code] ?? "The line broke"}; calling again …`);
        say($("chat-present"), "Support chat");
        break;
      case "paused":
        this.#connection("idle", "Paused");
    }
  }

  #present(n) {
    if (n != null) say($("chat-present"), n === 1 ? "You are alone here" : `${n} people are here`);
  }

  #sent(json) {
    this.wire.line(`↑ ${json}`);
    this.timeline.mark("You say");
  }

  #received(json, type) {
    this.wire.line(`↓ ${json.length > WIRE_CHARS ? `${json.slice(0, WIRE_CHARS)} …` : json}`);
    if (type !== "history") this.timeline.mark("You hear");
  }

  // ---- messages --------------------------------------------------------------------------------

  // Scrolls along, but for a reader who has scrolled back.
  #add(node) {
    const room = $("chat-room");
    const log = $("chat-log");
    const isAtEnd = room.scrollHeight - room.scrollTop - room.clientHeight < 60;
    $("chat-empty").hidden = true;
    log.append(node);
    while (log.children.length > KEPT) log.firstElementChild.remove();
    if (isAtEnd) room.scrollTop = room.scrollHeight;
    return node;
  }

  #bubble({ user, color, text, at }, kind) {
    const dot = el("span", { class: "dot", "aria-hidden": "true" });
    if (/^#[0-9a-f]{6}$/i.test(color ?? "")) dot.style.backgroundColor = color;
    const time = at ? el("time", { datetime: at, text: clock(at) }) : el("span", { text: "sending …" });
    const who = kind === "update" ? "Update" : user || "Someone";
    return this.#add(el("li", { class: kind },
      el("p", { class: "who" }, dot, el("b", { text: who, dir: "auto" }), time), el("p", { text, dir: "auto" })));
  }

  #notice(text) {
    this.#add(el("li", { class: "quiet-line", text }));
  }

  #message(message, isPending) {
    const isMine = isPending || this.speaker.isOf(message);
    this.#bubble(message, message.type === "update" ? "update" : isMine ? "mine" : "theirs");
  }

  #submit() {
    const text = plain($("chat-text").value);
    if (!text || !this.line.isLive) return;
    const message = { key: newKey(), ...this.speaker.says(text) };
    this.nodes.set(message.key, this.#bubble(message, "mine pending"));
    $("chat-room").scrollTop = $("chat-room").scrollHeight;
    $("chat-text").value = "";
    this.line.send(message);
  }

  // -> the node of a message that is pending no more
  #take({ key }) {
    const node = this.nodes.get(key);
    this.nodes.delete(key);
    return node;
  }

  // Its words stay, to be said otherwise.
  #refused(message, why) {
    const node = this.#take(message);
    node.className = "mine refused";
    say(node.querySelector(".who").lastElementChild, `not said: ${why}`);
    $("chat-text").value ||= message.text;
  }
}

// Returns { begin() }: calls, once.
export function chat() {
  const { line } = new ChatView();
  return { begin: () => line.start() };
}
