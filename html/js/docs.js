// /docs: Swagger UI on our own description of the API.

// Swagger UI's dark colours hang on a class; the page's own follow the system.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Swagger UI shows a response when it is complete, and some streams have no end: of a stream it is given
// what arrives in this time.
const LISTEN_MS = 5000;

async function listen(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let isCut = false;
  const timer = setTimeout(() => {
    isCut = true;
    reader.cancel();
  }, LISTEN_MS);
  for (let part; !(part = await reader.read()).done;) text += part.value;
  clearTimeout(timer);
  if (isCut) text += `: (this page hung up after ${LISTEN_MS / 1000} s; curl -N goes on)\n`;
  return new Response(text, { status: response.status, headers: response.headers });
}

async function ask(url, request) {
  const response = await fetch(url, request);
  const type = response.headers.get("Content-Type") ?? "";
  return response.body && type.startsWith("text/event-stream") ? listen(response) : response;
}

// Every operation on an order is filled in with the one that was placed here last.
function fillIn(ui, id) {
  for (const [path, item] of Object.entries(ui.specSelectors.specJson().toJS().paths)) {
    if (!path.includes("{order_id}")) continue;
    for (const method of Object.keys(item)) {
      if (method === "get" || method === "post") {
        ui.specActions.changeParam([path, method], "order_id", "path", id, false);
      }
    }
  }
}

function orderOfThisTab() {
  try {
    return sessionStorage.getItem("tiffin-order");
  } catch { // storage is forbidden
    return null;
  }
}

const root = document.getElementById("swagger");

if (window.SwaggerUIBundle) {
  const ui = window.SwaggerUIBundle({
    url: "/openapi.json",
    domNode: root,
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    validatorUrl: null, // no third party is asked
    requestInterceptor: (request) => Object.assign(request, { userFetch: ask }),
    responseInterceptor(response) {
      if (response.status === 201 && response.body?.order_id) fillIn(ui, response.body.order_id);
      return response;
    },
    onComplete() {
      const id = orderOfThisTab();
      if (id) fillIn(ui, id);
    },
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
} else {
  root.replaceChildren();
  document.getElementById("docs-missing").hidden = false;
}
