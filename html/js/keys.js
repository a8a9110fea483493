// Posts what must not happen twice, whatever answers are lost, pages reloaded and buttons pressed.
//
// An Idempotency-Key belongs to the content of a request, not to a button: the same content, posted again
// before the server has given its final answer, is a retry and has the same key. After that it is a new
// request with a new key. Keys are per tab: the same content in two tabs is two requests. A duplicated
// tab shares the keys that were unanswered then, for those are the same requests.

import { ask, explain, isPassing, newKey, withRetry } from "./net.js";
import { tab } from "./store.js";

const STORE = "tiffin-keys";
// The server remembers a key for 24 hours. After that the outcome of a request cannot be known, and a
// person has to decide.
const KNOWN_MS = 23 * 3600 * 1000;

const isSound = (entry) => typeof entry?.path === "string" && typeof entry.json === "object" &&
  /^[A-Za-z0-9_-]{16,128}$/.test(entry.key) && Number.isFinite(entry.at);
const isOld = ({ at }) => Math.abs(Date.now() - at) > KNOWN_MS;

// The requests without a final answer. -> [{ path, json, key, at }, …]
function load() {
  try {
    return JSON.parse(tab.get(STORE)).filter(isSound);
  } catch {
    return [];
  }
}

// -> does a reload keep them?
const save = (entries) => tab.set(STORE, JSON.stringify(entries));
const forget = ({ key }) => save(load().filter((entry) => entry.key !== key));

// Canonical JSON of a flat object.
const text = (json) => JSON.stringify(json, Object.keys(json ?? {}).sort());
const find = (path, json) =>
  load().find((entry) => entry.path === path && text(entry.json) === text(json));

// A captive portal or a proxy may answer in the server's place: that says nothing about the request.
async function askServer(path, request) {
  const answer = await ask(path, request);
  if (typeof answer.body === "object" && answer.body) return answer;
  throw Object.assign(new Error("The answer could not be read."), { status: 0 });
}
const isFinal = (error) => !isPassing(error) && typeof error.body === "object" && error.body !== null;

// POSTs a flat object, with withRetry()'s options. -> { answer, request: with the key that was used,
// since }, where `since` is the time of the first attempt when an earlier one had been carried out, else
// null. Rejects like ask(), the error with `isFinal` (the request was not carried out, for certain) and
// `isKept` (a reload keeps the key).
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
    const answer = await withRetry(() => askServer(path, request), options);
    forget(entry);
    const isReplay = known && answer.headers.get("Idempotency-Replayed") === "true";
    return { answer, request, since: isReplay ? known.at : null };
  } catch (error) {
    if (isFinal(error)) forget(entry);
    throw Object.assign(error, { isFinal: isFinal(error), isKept });
  }
}

// The requests to a path that have no final answer and can still be retried. -> [object, …], the latest last
export const unanswered = (path) =>
  load().filter((entry) => entry.path === path && !isOld(entry)).map(({ json }) => json);

// An error of post() for people; `promise` says what a retry does.
export function regret(error, promise) {
  if (error.isFinal) return explain(error);
  return `${explain(error)} ${promise}` +
    (error.isKept ? "" : " That holds while this page stays open: the browser lets it store nothing.");
}
