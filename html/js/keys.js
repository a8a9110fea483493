// Posting what must not happen twice, over lost answers, reloads and any mix of buttons.
//
// An Idempotency-Key belongs to the content of a request, not to a button: whoever asks for the same
// again before the server has answered for good, asks under the same key. After that the same
// content is a new wish, with a new key. The keys are the tab's: two tabs have two wishes. A tab that was
// duplicated shares those that were unanswered then, for they are the same wish.

import { ask, explain, isPassing, newKey, persist } from "./net.js";
import { tab } from "./store.js";

const STORE = "tiffin-keys";
// The server remembers a key for 24 hours. After that it cannot be found out what became of a
// request, and a person has to decide.
const KNOWN_MS = 23 * 3600 * 1000;

const isSound = (entry) => typeof entry?.path === "string" && typeof entry.json === "object" &&
  /^[A-Za-z0-9_-]{16,128}$/.test(entry.key) && Number.isFinite(entry.at);
const isOld = ({ at }) => Math.abs(Date.now() - at) > KNOWN_MS;

// What was sent and is not answered for good. -> [{ path, json, key, at }, …]
function load() {
  try {
    return JSON.parse(tab.get(STORE)).filter(isSound);
  } catch {
    return [];
  }
}

// -> will it outlive the page?
const save = (entries) => tab.set(STORE, JSON.stringify(entries));
const forget = ({ key }) => save(load().filter((entry) => entry.key !== key));

// Of a flat object, whatever the order of its members.
const text = (json) => JSON.stringify(json, Object.keys(json ?? {}).sort());
const find = (path, json) =>
  load().find((entry) => entry.path === path && text(entry.json) === text(json));

// What is in between, like a proxy's log-in page, may answer too: that tells nothing.
async function askServer(path, request) {
  const answer = await ask(path, request);
  if (typeof answer.body === "object" && answer.body) return answer;
  throw Object.assign(new Error("The answer could not be read."), { status: 0 });
}
const isFinal = (error) => !isPassing(error) && typeof error.body === "object" && error.body !== null;

// POSTs a flat object. -> { answer, request: with the key that was used, since }, where `since` is the
// time at which the same was sent first, null when it was now. Rejects like ask(), the error
// with `isFinal` (it is known that nothing came of it) and `isKept` (a reload keeps the key).
export async function post(path, json, options) {
  const known = find(path, json);
  if (known && isOld(known)) {
    forget(known);
    throw Object.assign(new Error("The same was sent a day ago, and it cannot be told any more what " +
      "became of it. Press again to send it anew."), { isFinal: true });
  }
  const entry = known ?? { path, json, key: newKey(), at: Date.now() };
  const isKept = save([...load().filter((one) => one.key !== entry.key), entry]);
  const request = { method: "POST", path, headers: { "Idempotency-Key": entry.key }, json };
  try {
    const answer = await persist(() => askServer(path, request), options);
    forget(entry);
    const isReplay = known && answer.headers.get("Idempotency-Replayed") === "true";
    return { answer, request, since: isReplay ? known.at : null };
  } catch (error) {
    if (isFinal(error)) forget(entry);
    throw Object.assign(error, { isFinal: isFinal(error), isKept });
  }
}

// What was sent to a path and may still be repeated. -> [object that was sent, …], the last one last
export const unanswered = (path) =>
  load().filter((entry) => entry.path === path && !isOld(entry)).map(({ json }) => json);

// An error of post() for people; `promise` is what holds for a repetition.
export function regret(error, promise) {
  if (error.isFinal) return explain(error);
  return `${explain(error)} ${promise}` +
    (error.isKept ? "" : " That holds while this page stays open: the browser lets it store nothing.");
}
