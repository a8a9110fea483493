// Requests to the API: errors for people, retries, and keys that make retries safe.

// Dispatches `trouble` when a request could not be served, and `back` when the banner finds that requests
// can be again.
export const reachability = new EventTarget();

const trouble = () => reachability.dispatchEvent(new Event("trouble"));

// -> { status, ms, body, headers }. Rejects with an Error whose message is for people and whose
// `status` is HTTP's, 0 without a response; with one it also has `ms`, `body` and `retryMs`.
export async function ask(path, { method = "GET", headers, json } = {}) {
  const started = performance.now();
  const options = { method, headers: { ...headers }, cache: "no-store" };
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    trouble();
    throw Object.assign(new Error("The server cannot be reached."), { status: 0 });
  }
  const ms = performance.now() - started;
  let body = text;
  try {
    body = JSON.parse(text);
  } catch { /* it is shown as it came */ }
  if (response.ok) {
    return { status: response.status, ms, body, headers: response.headers };
  }
  if (response.status >= 500) trouble();
  // Where a problem's `error` only names the status, its `detail` says more.
  const line = body?.error === body?.title ? body?.detail ?? body?.error : body?.error;
  throw Object.assign(new Error(line ?? `The server answered ${response.status}.`), {
    status: response.status, ms, body,
    retryMs: 1000 * (Number(response.headers.get("Retry-After")) || 0), // a date is not understood
  });
}

// An error in whole sentences: its message, and the detail that the server gives.
export function explain({ message, body }) {
  const sentences = [...new Set([message, body?.detail])].filter((s) => typeof s === "string" && s);
  return sentences.map((s) => (/[.!?…]$/.test(s) ? s : `${s}.`)).join(" ");
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// May the same request succeed later?
export const isPassing = ({ status }) => [0, 408, 425, 429].includes(status) || status >= 500;

// The wait after attempt number n (0, 1, …), in ms: exponential, with jitter so that pages do not retry in step.
export const backOff = (n, most = 15000) => Math.min(most, 500 * 2 ** n) * (0.75 + Math.random() / 2);

// The next time that the service can be reached again.
const back = () => new Promise((resolve) => reachability.addEventListener("back", resolve, { once: true }));

// Retries a request while its failure is a passing one: after a back-off, or at once when the service can
// be reached again. Calls onWait(error) before each wait. Settles like the last attempt.
export async function withRetry(request, { tries = 6, onWait = () => {} } = {}) {
  for (let n = 0; ; n++) {
    try {
      return await request();
    } catch (error) {
      if (!isPassing(error) || n + 1 >= tries) throw error;
      onWait(error);
      await Promise.race([pause(Math.max(backOff(n), error.retryMs ?? 0)), back()]);
    }
  }
}

// A new Idempotency-Key: a request that is retried with its key is carried out once.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
