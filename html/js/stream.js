// A server-sent event stream that a page can rely on.
//
// The browser's EventSource reconnects by itself after a broken connection, but gives up for good on an
// error status; then this starts another one, a little later each time (back-off). A browser has only
// six connections to a host over HTTP/1.1, shared by all its windows, so a hidden page closes its
// streams and resumes them when it is seen again. After `end` nothing is opened.

import { backOff } from "./net.js";

const SETTLE_MS = 300; // a connection that breaks at once does not count as live

export class Stream {
  // url() is asked at each start, so that it can carry the last event's id.
  // onState(state): connecting, live, waiting (for a reconnection), paused, over. It may end() the stream.
  // onGivenUp(): may return true, or a promise of it, when the stream is not to be started again.
  constructor({ url, onMessage, onEnd, onError, onState = () => {}, onGivenUp = () => false }) {
    Object.assign(this, { url, onMessage, onEnd, onError, onState, onGivenUp });
    this.state = "new";
    this.failures = 0;
    this.attempt = 0; // to be live: counted by each close, so what comes of an older one is stale
    this.isBusy = false; // a source is open, or it is being found out when to open the next
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
    else if (!this.isBusy) this.#open();
  }

  #pause() {
    if (this.state === "over") return;
    this.#close();
    this.#set("paused");
  }

  #close() {
    this.attempt++;
    this.isBusy = false;
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    clearTimeout(this.settling);
  }

  #isLive() {
    clearTimeout(this.settling);
    this.failures = 0;
    this.#set("live");
  }

  #open() {
    this.#close();
    this.isBusy = true;
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
      if (isMine() && source.readyState === EventSource.CLOSED) this.#again();
    };
    this.#set(this.failures ? "waiting" : "connecting");
  }

  async #again() {
    this.#close();
    this.isBusy = true;
    const { attempt } = this;
    const isFinal = await this.onGivenUp();
    if (attempt !== this.attempt) return; // it was paused or ended meanwhile
    if (isFinal) {
      this.end();
      return;
    }
    this.timer = setTimeout(() => {
      this.isBusy = false;
      this.#follow();
    }, backOff(this.failures++));
  }
}
