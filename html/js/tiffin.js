// The tiffin: a lunch box of five tiers, one for each step of an order, filled from below.

import { STEPS } from "./words.js";

function shape(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const box = (name, x, y, width, height) =>
  shape("rect", { class: name, x, y, width, height, rx: Math.min(5, height / 2) });

// Fills an element with the drawing. -> its tiers in the order of STEPS
export function drawTiffin(node) {
  const tiers = STEPS.map((_, i) => box(`tier tier-${i + 1}`, 22, 140 - 18 * i, 76, 16));
  node.replaceChildren(shape("svg", { viewBox: "0 0 120 172", "aria-hidden": "true" },
    shape("path", { class: "frame", d: "M13 160V52C13 24 36 13 60 13S107 24 107 52V160" }),
    box("grip", 42, 8, 36, 10),
    shape("path", { class: "lid", d: "M24 64C24 40 96 40 96 64Z" }),
    ...tiers,
    box("base", 6, 159, 108, 8)));
  return tiers;
}
