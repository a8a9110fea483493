// The banner while the service cannot be reached, and the polling that notices when it is back.

import { $, say } from "./dom.js";
import { reachability, pause } from "./net.js";

const WATCH_MS = 10000; // between two checks while all is well
const LOOK_MS = 1500;   // while it is not

const TEXTS = {
  offline: "You are offline. The page goes on by itself when the network is back.",
  away: "The kitchen door is closed for a moment: the server does not answer. Nothing is lost; the page tries again by itself.",
  store: "The order store is away for a moment. Orders that were confirmed are safe; the page tries again by itself.",
};

let trouble = null; // a key of TEXTS, or null
let isLooking = false;

function show(kind) {
  if (trouble === kind) return;
  const was = trouble;
  trouble = kind;
  const banner = $("banner");
  if (kind) {
    banner.dataset.state = "trouble";
    say(banner.querySelector("p"), TEXTS[kind]);
    banner.hidden = false;
    look();
  } else {
    banner.dataset.state = "fine";
    say(banner.querySelector("p"), "All is well again.");
    setTimeout(() => { if (!trouble) banner.hidden = true; }, 4000);
    if (was) reachability.dispatchEvent(new Event("back"));
  }
}

// -> a key of TEXTS; null when orders can be placed
async function diagnose() {
  if (!navigator.onLine) return "offline";
  try {
    const response = await fetch("/readyz", { cache: "no-store" });
    if (response.ok || response.status === 429) return null; // over the rate limit is not away
    const body = await response.json().catch(() => ({}));
    // A 503 of nginx itself: the API is away. One of the API: Redis is.
    return body.title === body.error ? "away" : "store";
  } catch {
    return navigator.onLine ? "away" : "offline";
  }
}

async function look() {
  if (isLooking) return;
  isLooking = true;
  for (;;) {
    const found = await diagnose();
    show(found);
    if (!found) break;
    await pause(LOOK_MS);
  }
  isLooking = false;
}

// Something looks wrong: checks at once, and until it is right again.
export const suspect = () => { if (!isLooking) look(); };
export const isAway = () => trouble !== null;

// Calls back each time the service can be reached again.
export const onBack = (callback) => reachability.addEventListener("back", callback);

reachability.addEventListener("trouble", suspect);
addEventListener("offline", () => show("offline"));
addEventListener("online", suspect);
setInterval(() => { if (!document.hidden) suspect(); }, WATCH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) suspect(); });
