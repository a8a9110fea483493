// A server-sent event stream that a page can rely on.
//
// The browser's EventSource comes back by itself after a broken line, but gives up for ever on an
// error status; then this starts another one, a little later each time. A browser has only six
// connections to a host over HTTP/1.1, shared by all its windows, so a hidden page closes its
// streams and takes them up where it stopped when it is seen again. After `end` nothing is opened.

import { backOff } from "./net.js";

const SETTLE_MS = 300; // an open line that breaks at once was no line

export class Stream {
  // url() is asked at each start, so that it can carry the last event's id.
  // onState(state): connecting, live, waiting (for a reconnection), paused, over.
  // onGivenUp(): may return true, or a promise of it, when the stream is not to be started again.
  constructor({ url, onMessage, onEnd, onError, onState = () => {}, onGivenUp = () => false }) {
    Object.assign(this, { url, onMessage, onEnd, onError, onState, onGivenUp });
    this.state = "new";
    this.failures = 0;
    this.isWanted = false;
    this.listener = () => this.#follow();
    document.addEventListener("visibilitychange", this.listener);
    addEventListener("pagehide", this.hide = () => this.#pause());
    addEventListener("pageshow", this.listener);
  }

  start() {
    if (this.state === "over") return;
    this.isWanted = true;
    this.#follow();
  }

  // Until start() is called again.
  stop() {
    this.isWanted = false;
    this.#pause();
  }

  // For good.
  end() {
    this.#close();
    this.isWanted = false;
    this.#set("over");
    document.removeEventListener("visibilitychange", this.listener);
    removeEventListener("pagehide", this.hide);
    removeEventListener("pageshow", this.listener);
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.onState(state);
  }

  #follow() {
    if (!this.isWanted || document.hidden) this.#pause();
    else if (!this.source && !this.timer) this.#open();
  }

  #pause() {
    if (this.state === "over") return;
    this.#close();
    this.#set("paused");
  }

  #close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    clearTimeout(this.settling);
    this.timer = null;
  }

  #isLive() {
    clearTimeout(this.settling);
    this.failures = 0;
    this.#set("live");
  }

  #open() {
    this.#close();
    this.#set(this.failures ? "waiting" : "connecting");
    const source = this.source = new EventSource(this.url());
    const isMine = () => this.source === source;
    source.onopen = () => {
      this.settling = setTimeout(() => isMine() && this.#isLive(), SETTLE_MS);
    };
    source.onmessage = (event) => {
      if (!isMine()) return;
      this.#isLive();
      this.onMessage(JSON.parse(event.data), event);
    };
    source.addEventListener("end", (event) => {
      if (!isMine()) return;
      this.end();
      this.onEnd?.(JSON.parse(event.data), event);
    });
    source.onerror = (event) => {
      if (!isMine()) return;
      if (event.data) { // `event: error` of the server, not of the line
        this.end();
        this.onError?.(JSON.parse(event.data));
        return;
      }
      clearTimeout(this.settling);
      this.#set("waiting");
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
  }

  async #again() {
    this.#close();
    // Not by timer alone: while asking, nothing else may open a stream.
    this.timer = setTimeout(() => {}, 0);
    const token = this.timer;
    const isFinal = await this.onGivenUp();
    if (this.timer !== token || this.state === "over") return;
    this.timer = null;
    if (isFinal) {
      this.end();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = null;
      this.#follow();
    }, backOff(this.failures++));
  }
}
