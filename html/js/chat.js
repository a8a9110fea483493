// Exhibit 5, the phone call: the support chat over a WebSocket (tiffin.chat.v1).
//
// What the server numbers (messages and updates) is shown once and in order; after a break the
// page asks for what came after the last number it has. A message of one's own bears a key and stays
// marked until the server has accepted it; when a call ends before that, it is said again under the
// same key, and the server knows whether it has it already.

import { $, el, plain, say, clock } from "./dom.js";
import { newKey, backOff } from "./net.js";
import { browser } from "./store.js";
import { timeline } from "./timeline.js";
import { wire } from "./wire.js";
import { isAway, onBack, suspect } from "./banner.js";

const STORE = "tiffin-chat";
const PROTOCOL = "tiffin.chat.v1";
const COLORS = ["#a84c08", "#23703f", "#1f5fa8", "#8a2f7a", "#7a5a00", "#0f6b6b"];
const HOLD_MS = 2000;
const HIDDEN_MS = 60000; // a look into another window is no reason to hang up
const KEPT = 200; // lines on the page

export function chat() {
  const log = $("chat-log");
  const room = $("chat-room"); // the log, scrolling
  const name = $("chat-name");
  const color = $("chat-color");
  const text = $("chat-text");
  const send = $("chat-send");
  const shown = wire($("chat-wire"));
  const minute = timeline($("chat-timeline"), ["Line", "You say", "You hear"]);
  let socket = null;
  let last = -1;         // id of the last numbered line; -1 = none yet
  let failures = 0;
  let timer = null;
  let wasOpen = false;
  let holding = null;    // timer, while a message waits for the feed
  const pending = [];    // { key, user, color, text, node, bytes } said, and not heard back; id: accepted

  // ---- who I am --------------------------------------------------------------------------------

  function remembered() {
    try {
      return JSON.parse(browser.get(STORE)) ?? {};
    } catch {
      return {};
    }
  }
  const me = remembered();
  const word = (value) => (typeof value === "string" ? plain(value.slice(0, name.maxLength)) : "");
  const pick = Math.floor(Math.random() * 9000) + 1000;
  name.value = word(me.name) || `Guest ${pick}`;
  color.value = word(me.color) || COLORS[pick % COLORS.length];
  const remember = () =>
    browser.set(STORE, JSON.stringify({ name: name.value, color: color.value }));
  name.addEventListener("change", () => {
    name.value = plain(name.value) || `Guest ${pick}`;
    remember();
  });
  color.addEventListener("change", remember);

  // ---- showing ---------------------------------------------------------------------------------

  function connection(state, words) {
    $("chat-connection").dataset.state = state;
    say($("chat-connection"), words);
    send.disabled = state !== "live";
  }

  function add(node) {
    const isAtEnd = room.scrollHeight - room.scrollTop - room.clientHeight < 60;
    $("chat-empty").hidden = true;
    log.append(node);
    while (log.children.length > KEPT) log.firstElementChild.remove();
    if (isAtEnd) room.scrollTop = room.scrollHeight;
    return node;
  }

  function bubble({ user, color: ink, text: words, at }, kind) {
    const dot = el("span", { class: "dot", "aria-hidden": "true" });
    if (/^#[0-9a-f]{6}$/i.test(ink ?? "")) dot.style.backgroundColor = ink;
    const time = at ? el("time", { datetime: at, text: clock(at) }) : el("span", { text: "sending …" });
    const who = kind === "update" ? "Update" : user || "Someone";
    return el("li", { class: kind }, el("p", { class: "who" }, dot, el("b", { text: who, dir: "auto" }), time),
      el("p", { text: words, dir: "auto" }));
  }

  const isMine = (m) => m.user === name.value && m.color === color.value;
  const quiet = (words) => add(el("li", { class: "quiet-line", text: words }));

  function showNumbered(m) {
    if (m.id <= last) return;
    last = m.id;
    const mine = isMine(m) || pending.some((p) => p.id === m.id);
    settle();
    add(bubble(m, m.type === "update" ? "update" : mine ? "mine" : "theirs"));
  }

  function remove(p) {
    p.node.remove();
    pending.splice(pending.indexOf(p), 1);
  }
  // What was accepted and stands in its place.
  const settle = () => pending.filter((p) => p.id <= last).forEach(remove);

  // ---- the line --------------------------------------------------------------------------------

  const path = () => `/ws/support-chat${last >= 0 ? `?after=${last}` : ""}`;
  // As curl says it, to listen in; the browser makes these headers itself.
  const handshake = () => ({
    method: "GET", path: path(), isStream: true, headers: {
      Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": btoa("tiffin showcase!"), "Sec-WebSocket-Protocol": PROTOCOL,
    },
  });
  const present = (n) => {
    if (n != null) say($("chat-present"), n === 1 ? "You are alone here" : `${n} people are here`);
  };

  const handlers = {
    history({ messages, complete, more }) {
      if (complete === false && last >= 0) {
        quiet("Some messages from before are not to be had any more.");
        last = 0; // should the log have begun anew, so have its numbers
      }
      messages.forEach(showNumbered);
      if (last < 0) last = 0;
      if (!more) opened();
    },
    message: showNumbered,
    update: showNumbered,
    join({ text: words, present: n }) {
      quiet(words);
      present(n);
    },
    leave({ text: words, present: n }) {
      quiet(words);
      present(n);
    },
    presence: ({ present: n }) => present(n),
    accepted({ key, id }) {
      const p = pending.find((one) => one.key === key);
      if (p) p.id = id;
      settle();
    },
    error({ error, text: words, key }) {
      if (["not_sent", "unknown", "busy"].includes(error)) hold();
      else quiet(words || error);
      if (error === "anew") { // what has been said in it so far comes with the next call
        last = 0;
        socket.onmessage = null;
        socket.close(1000);
      }
      if (error === "bad_message") drop(pending.find((p) => p.key === key), "refused");
    },
  };

  // The feed is away: what it did not accept is said again later.
  function hold() {
    suspect();
    if (holding) return;
    quiet("The chat cannot be reached for a moment; your message waits.");
    const look = () => {
      if (isAway()) {
        holding = setTimeout(look, HOLD_MS);
        return;
      }
      holding = null;
      repeat();
    };
    holding = setTimeout(look, HOLD_MS);
  }

  // As it would be again. Its words stay, to be said otherwise.
  function drop(p, why) {
    if (!p) return;
    pending.splice(pending.indexOf(p), 1);
    p.node.className = "mine refused";
    say(p.node.querySelector(".who").lastElementChild, `not said: ${why}`);
    text.value ||= p.text;
  }

  // The server closes at a message that is too long. That one was not accepted, so the longest that was
  // not is at least as long, and too long for certain. Another may be too: the next call tells.
  function dropLongest() {
    const waiting = pending.filter((p) => !p.id).sort((a, b) => b.bytes - a.bytes);
    drop(waiting[0], "too long");
  }

  function repeat() {
    if (socket?.readyState === WebSocket.OPEN) pending.filter((p) => !p.id).forEach(speak);
  }

  function opened() {
    failures = 0;
    connection("live", "On the line");
    minute.open("Line");
    if (wasOpen) quiet(`Connected again at ${clock(Date.now())}; nothing was missed.`);
    wasOpen = true;
    repeat();
  }

  function speak(p) {
    const { key, user, color: ink, text: words } = p;
    const json = JSON.stringify({ text: words, user, color: ink, key });
    p.bytes = new TextEncoder().encode(json).length;
    shown.line(`↑ ${json}`);
    minute.mark("You say");
    socket.send(json);
  }

  function call() {
    clearTimeout(timer);
    timer = null;
    if (socket) return;
    connection("waiting", wasOpen ? "Calling again …" : "Calling …");
    shown.replaceRequest(handshake());
    shown.status(`Sec-WebSocket-Protocol: ${PROTOCOL}`);
    const mine = socket = new WebSocket(
      `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path()}`, PROTOCOL);
    mine.onmessage = ({ data }) => {
      if (socket !== mine) return; // hung up: it comes again
      shown.line(`↓ ${data.length > 300 ? `${data.slice(0, 300)} …` : data}`);
      const line = JSON.parse(data);
      if (line.type !== "history") minute.mark("You hear");
      handlers[line.type]?.(line);
    };
    mine.onclose = ({ code }) => {
      if (socket !== mine) return;
      socket = null;
      minute.close("Line");
      const why = code === 1008 ? "Too many messages at once" : code === 1009 ? "That message was too long" : "The line broke";
      if (code === 1009) dropLongest();
      connection("waiting", `${why}; calling again …`);
      say($("chat-present"), "Support chat");
      if (!document.hidden) again();
    };
  }

  function again() {
    timer ??= setTimeout(call, backOff(failures++, 10000));
  }
  function now() {
    if (!isWanted || socket || document.hidden) return;
    clearTimeout(timer);
    timer = null;
    call();
  }

  let isWanted = false;
  function begin() {
    if (isWanted) return;
    isWanted = true;
    call();
  }
  // What is said meanwhile comes with the next call's history.
  function hangUp() {
    clearTimeout(timer);
    timer = null;
    const mine = socket;
    socket = null;
    mine?.close(1000);
    minute.close("Line");
    if (isWanted) connection("idle", "Paused");
  }
  let hanging = null; // timer, while the page is hidden
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hanging);
    if (document.hidden) hanging = setTimeout(hangUp, HIDDEN_MS);
    else now();
  });
  addEventListener("online", now);
  addEventListener("pagehide", hangUp);
  addEventListener("pageshow", (event) => { if (event.persisted) now(); });
  onBack(now);

  // ---- speaking --------------------------------------------------------------------------------

  $("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = plain(text.value);
    if (!words || !socket || send.disabled) return;
    const p = { key: newKey(), user: plain(name.value), color: color.value, text: words };
    p.node = add(bubble(p, "mine pending"));
    room.scrollTop = room.scrollHeight;
    pending.push(p);
    text.value = "";
    speak(p);
  });

  shown.request(handshake());
  connection("idle", "Not called yet");
  return { begin };
}
