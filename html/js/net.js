// Asking the API: errors for people, patient repetition, and keys that make repeating safe.

// Tells `trouble` ({ status }) and `fine` after each request: the banner listens, and tells `back`.
export const weather = new EventTarget();

const tell = (name, detail) => weather.dispatchEvent(new CustomEvent(name, { detail }));

// -> { status, ms, body, headers }. Rejects with an Error whose message is for people and whose
// `status` is HTTP's; 0 = nobody answered.
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
    tell("trouble", { status: 0 });
    throw Object.assign(new Error("The server cannot be reached."), { status: 0 });
  }
  const ms = performance.now() - started;
  let body = text;
  try {
    body = JSON.parse(text);
  } catch { /* it is shown as it came */ }
  if (response.ok) {
    tell("fine");
    return { status: response.status, ms, body, headers: response.headers };
  }
  if (response.status >= 500) tell("trouble", { status: response.status });
  // Where a problem's `error` only names the status, its `detail` says more.
  const line = body?.error === body?.title ? body?.detail ?? body?.error : body?.error;
  throw Object.assign(new Error(line ?? `The server answered ${response.status}.`), {
    status: response.status, ms, body,
    retryMs: 1000 * (Number(response.headers.get("Retry-After")) || 0), // a date is as good as none
  });
}

// An error in whole sentences: its line and, where the server says more, that.
export function explain({ message, body }) {
  const sentences = [...new Set([message, body?.detail])].filter((s) => typeof s === "string" && s);
  return sentences.map((s) => (/[.!?…]$/.test(s) ? s : `${s}.`)).join(" ");
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Will the same request perhaps succeed later?
export const isPassing = ({ status }) => [0, 408, 425, 429].includes(status) || status >= 500;

// The wait before try number n (0, 1, …): doubling, with jitter so that pages do not come in step.
export const backOff = (n, most = 15000) => Math.min(most, 500 * 2 ** n) * (0.75 + Math.random() / 2);

// The next time that something which was away is there again.
const back = () => new Promise((resolve) => weather.addEventListener("back", resolve, { once: true }));

// Repeats a request while its failure is a passing one, and at once when what was away is back.
// `onWait` hears of each pause.
export async function persist(request, { tries = 6, onWait = () => {} } = {}) {
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

// An Idempotency-Key: a request repeated with its key is carried out once.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
