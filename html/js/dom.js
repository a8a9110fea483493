// Small helpers for building and filling elements.

export const $ = (id) => document.getElementById(id);

// An element with attributes (`class`, `text`, `on` = {event: listener} are special).
export function el(name, { text, on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  if (text != null) node.textContent = text;
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  node.append(...children);
  return node;
}

// What was typed or pasted, without control characters: they are invisible, and the server refuses them.
export const plain = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();

// Sets a text only when it changed: a screen reader announces every write to a live region.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A length or share for the style sheet; attributes would need an inline style.
export function setVar(node, name, value) {
  node.style.setProperty(name, value);
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
// A 24-hour clock: such a time always has the same width.
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const clock = (when) => time.format(new Date(when));

// With a no-break space between a number and its unit.
export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 100000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)}\u00a0s`;
  const minutes = Math.floor(ms / 60000);
  return `${minutes}\u00a0min\u00a0${Math.round((ms - minutes * 60000) / 1000)}\u00a0s`;
}

// Calls back with true or false as the element comes into view and leaves it.
export function watchView(node, callback, margin = "0px") {
  new IntersectionObserver((entries) => callback(entries.at(-1).isIntersecting), { rootMargin: margin })
    .observe(node);
}

// Calls back on every frame. -> a function that stops it
export function ticking(callback) {
  let isRunning = true;
  const tick = () => {
    if (!isRunning) return;
    callback();
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  return () => { isRunning = false; };
}
