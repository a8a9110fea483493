// Shows what went over the wire: the request, to be copied as a curl command, and its response.

import { el, duration } from "./dom.js";

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl({ method, path, headers = {}, json, isStream }) {
  const words = ["curl"];
  if (isStream) words.push("-N");
  if (method !== "GET") words.push("-X", method);
  for (const [name, value] of Object.entries(headers)) words.push("-H", quote(`${name}: ${value}`));
  if (json !== undefined) {
    words.push("-H", quote("Content-Type: application/json"), "-d", quote(JSON.stringify(json)));
  }
  words.push(quote(location.origin + path));
  return words.join(" ");
}

async function copy(text, button) {
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed here";
  }
  setTimeout(() => { button.textContent = said; }, 1600);
}

// A button that copies what text() gives.
export function copyButton(label, text) {
  const button = el("button", { type: "button", class: "small-button", text: label });
  button.addEventListener("click", () => copy(text(), button));
  return button;
}

// Fills <div class="wire" id=…>. Returns { request(...requests), replaceRequest(...requests): without clearing
// the response, answer(status, ms, body), status(text), line(text) }.
export function wire(node) {
  let requests = [];
  const list = el("ul", { class: "wire-requests", "aria-label": "Requests" });
  const head = el("p", { class: "wire-status" });
  const body = el("pre", { class: "wire-body", tabindex: "0", role: "group", "aria-label": "Answer" });
  const button = copyButton("Copy as curl", () => requests.map(curl).join("\n"));
  node.replaceChildren(el("div", { class: "wire-head" }, list, button), head, body);

  const showRequests = (all) => {
    requests = all;
    list.replaceChildren(...all.map(({ method, path }) =>
      el("li", {}, el("b", { text: method }), " ", el("span", { text: path }))));
  };
  return {
    request(...all) {
      showRequests(all);
      head.textContent = "";
      body.textContent = "";
      body.classList.remove("stream");
    },
    replaceRequest(...all) {
      showRequests(all);
    },
    answer(status, ms, value) {
      head.replaceChildren(el("b", { text: String(status), class: status < 400 ? "good" : "bad" }),
        ms == null ? "" : ` in ${duration(ms)}`);
      body.textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    },
    status(text) {
      head.textContent = text;
    },
    // One more line of a stream; the last forty are kept.
    line(text) {
      const lines = body.textContent ? body.textContent.split("\n") : [];
      body.textContent = [...lines, text].slice(-40).join("\n");
      body.classList.add("stream");
      body.scrollTop = body.scrollHeight;
    },
  };
}
