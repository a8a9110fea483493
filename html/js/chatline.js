// The support chat's connection (tiffin.chat.v1 over a WebSocket): one that a page can rely on.
//
// What the server numbers (messages and updates) is told once and in order; after a break this resumes
// after the last number it has. A message of one's own bears a key and is pending until the server has
// accepted it; what a break leaves pending is sent again under the same key, and the server knows
// whether it has it already. A page that stays hidden hangs up, and resumes when it is seen again.

import { backOff, pause } from "./net.js";
import { isAway, onBack, suspect } from "./banner.js";

const PROTOCOL = "tiffin.chat.v1";
const HOLD_MS = 2000;
const HIDDEN_MS = 60000; // a look into another window is no reason to hang up
const MOST_WAIT_MS = 10000; // between two attempts to connect
const TOO_BIG = 1009; // RFC 6455, 7.4.1
const RETRIED = ["not_sent", "unknown", "busy"]; // errors of a message that is sent again

const encode = ({ key, user, color, text }) => JSON.stringify({ text, user, color, key });

export class ChatLine {
  // Messages are objects of the protocol. All of these are called later, none by the constructor:
  // onState(state, code): connecting, live, waiting (for a reconnection; close code of the break), paused.
  // onSent(json), onReceived(json, type): as it goes over the wire.
  // onMessage(message, isPending): numbered; isPending: it is one of those that were sent here.
  // onAccepted(message), onRefused(message, why): a sent one has its place; is not sent again.
  // onNotice(text), onPresent(n): something to be read; how many are there.
  constructor(handlers) {
    Object.assign(this, handlers);
    this.isWanted = false;
    this.state = "paused";
    this.wasLive = false; // before the present state
    this.socket = null;
    this.timer = null;    // of the next attempt to connect
    this.failures = 0;
    this.last = -1;       // id of the last numbered message; -1 = none yet
    this.pending = [];    // messages that were sent; with an id: accepted, but not yet told in their place
    this.isHolding = false;
  }

  // From now on, and until the page is left.
  start() {
    if (this.isWanted) return;
    this.isWanted = true;
    let hiding = null;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#hangUp(), HIDDEN_MS);
      else this.#resume();
    });
    addEventListener("online", () => this.#resume());
    addEventListener("pagehide", () => this.#hangUp());
    addEventListener("pageshow", (event) => { if (event.persisted) this.#resume(); });
    onBack(() => this.#resume());
    this.#connect();
  }

  // { key, user, color, text }, when the line is live.
  send(message) {
    this.pending.push(message);
    this.#transmit(message);
  }

  get isLive() { return this.state === "live"; }
  get path() { return `/ws/support-chat${this.last >= 0 ? `?after=${this.last}` : ""}`; }
  // The handshake as curl says it, to listen in; the browser makes these headers itself.
  get request() {
    return {
      method: "GET", path: this.path, isStream: true, headers: {
        Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": btoa("tiffin showcase!"), "Sec-WebSocket-Protocol": PROTOCOL,
      },
    };
  }

  // ---- connection ------------------------------------------------------------------------------

  #set(state, code) {
    this.state = state;
    this.onState(state, code);
  }

  #connect() {
    this.#cancelRetry();
    this.#set("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.socket = new WebSocket(`${scheme}//${location.host}${this.path}`, PROTOCOL);
    const isMine = () => this.socket === socket; // else it was hung up
    socket.onmessage = ({ data }) => { if (isMine()) this.#received(data); };
    socket.onclose = ({ code }) => { if (isMine()) this.#broken(code); };
  }

  #broken(code) {
    this.socket = null;
    if (code === TOO_BIG) this.#refuseLongest();
    this.#set("waiting", code);
    if (!document.hidden) this.timer ??= setTimeout(() => this.#connect(), backOff(this.failures++, MOST_WAIT_MS));
  }

  #cancelRetry() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  #resume() {
    if (!this.socket && !document.hidden) this.#connect();
  }

  // What is said meanwhile comes with the next connection's history.
  #hangUp() {
    this.#cancelRetry();
    const { socket } = this;
    this.socket = null;
    socket?.close(1000);
    this.#set("paused");
  }

  #live() {
    this.failures = 0;
    this.#set("live");
    this.wasLive = true;
    this.#repeat();
  }

  // ---- receiving -------------------------------------------------------------------------------

  #received(data) {
    const line = JSON.parse(data);
    this.onReceived(data, line.type);
    switch (line.type) {
      case "history": return this.#history(line);
      case "message":
      case "update": return this.#numbered(line);
      case "join":
      case "leave":
        this.onNotice(line.text);
        return this.onPresent(line.present);
      case "presence": return this.onPresent(line.present);
      case "accepted": return this.#accepted(line);
      case "error": return this.#error(line);
    }
  }

  #history({ messages, complete, more }) {
    if (complete === false && this.last >= 0) {
      this.onNotice("Some messages from before are not to be had any more.");
      this.last = 0; // should the log have begun anew, so have its numbers
    }
    messages.forEach((message) => this.#numbered(message));
    if (this.last < 0) this.last = 0;
    if (!more) this.#live();
  }

  #numbered(message) {
    if (message.id <= this.last) return;
    this.last = message.id;
    const isPending = this.pending.some(({ id }) => id === message.id);
    this.#settle();
    this.onMessage(message, isPending);
  }

  #accepted({ key, id }) {
    const message = this.#find(key);
    if (message) message.id = id;
    this.#settle();
  }

  #error({ error, text, key }) {
    if (RETRIED.includes(error)) this.#hold();
    else this.onNotice(text || error);
    if (error === "anew") { // what has been said in it so far comes with the next connection
      this.last = 0;
      this.socket.onmessage = null;
      this.socket.close(1000);
    }
    if (error === "bad_message") this.#refuse(this.#find(key), "refused");
  }

  // ---- pending messages ------------------------------------------------------------------------

  #transmit(message) {
    const json = encode(message);
    this.onSent(json);
    this.socket.send(json);
  }

  #find(key) {
    return this.pending.find((message) => message.key === key);
  }

  #remove(message) {
    this.pending.splice(this.pending.indexOf(message), 1);
  }

  #repeat() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.pending.filter(({ id }) => !id).forEach((message) => this.#transmit(message));
  }

  // Accepted, and told in their place.
  #settle() {
    for (const message of this.pending.filter(({ id }) => id <= this.last)) {
      this.#remove(message);
      this.onAccepted(message);
    }
  }

  // It would be again.
  #refuse(message, why) {
    if (!message) return;
    this.#remove(message);
    this.onRefused(message, why);
  }

  // The server closes at a message that is too long. That one was not accepted, so the longest that was
  // not is at least as long, and too long for certain. Another may be too: the next connection tells.
  #refuseLongest() {
    const size = (message) => new TextEncoder().encode(encode(message)).length;
    const waiting = this.pending.filter(({ id }) => !id).sort((a, b) => size(b) - size(a));
    this.#refuse(waiting[0], "too long");
  }

  // The server's store is away: what it did not accept is sent again when it is back.
  async #hold() {
    suspect();
    if (this.isHolding) return;
    this.isHolding = true;
    this.onNotice("The chat cannot be reached for a moment; your message waits.");
    do await pause(HOLD_MS); while (isAway());
    this.isHolding = false;
    this.#repeat();
  }
}
