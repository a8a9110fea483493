// A drawing of the last minute: what was open, and what happened when.

import { el, setVar, watchView } from "./dom.js";

const WINDOW_MS = 60000;
const STEP_MS = 250; // slow enough to cost nothing, fine enough to look like moving

// Fills `node` with one lane per name. Returns { mark(lane), open(lane), close(lane) }: an event now; a span
// from now on (no-op when one is open); its end now.
export function timeline(node, names) {
  const lanes = Object.fromEntries(names.map((name) => [name, { track: el("i"), pieces: [] }]));
  node.replaceChildren(
    ...names.map((name) => el("div", { class: "lane" }, el("span", { text: name }), lanes[name].track)),
    el("p", { class: "ages" }, el("span", { text: "a minute ago" }), el("span", { text: "now" })));

  function add(name, kind, to) {
    const piece = { node: el("b", { class: kind }), from: Date.now(), to };
    lanes[name].track.append(piece.node);
    lanes[name].pieces.push(piece);
    draw();
  }
  const isOpen = (name) => lanes[name].pieces.at(-1)?.to === null;

  function draw() {
    const now = Date.now();
    const share = (at) => Math.max(0, 1 - (now - at) / WINDOW_MS);
    for (const lane of Object.values(lanes)) {
      lane.pieces = lane.pieces.filter(({ node: drawn, from, to }) => {
        const until = to ?? now;
        if (now - until > WINDOW_MS) {
          drawn.remove();
          return false;
        }
        setVar(drawn, "--from", share(from));
        setVar(drawn, "--share", share(until) - share(from));
        return true;
      });
    }
  }
  let timer = null;
  watchView(node, (isSeen) => {
    clearInterval(timer);
    if (isSeen) timer = setInterval(draw, STEP_MS);
  });

  return {
    mark: (name) => add(name, "came", Date.now()),
    open: (name) => { if (!isOpen(name)) add(name, "open", null); },
    close: (name) => { if (isOpen(name)) lanes[name].pieces.at(-1).to = Date.now(); },
  };
}
