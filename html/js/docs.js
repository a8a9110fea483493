// /docs: Swagger UI on our own description of the API.

const root = document.getElementById("swagger");

if (window.SwaggerUIBundle) {
  window.SwaggerUIBundle({
    url: "/openapi.json",
    domNode: root,
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    validatorUrl: null, // nobody outside is asked
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
} else {
  root.replaceChildren();
  document.getElementById("docs-missing").hidden = false;
}
