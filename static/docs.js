// Starts Swagger UI on the document beside it. The same page is served by the API and by the dashboard.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The API says nothing of an `api` elsewhere; the dashboard does, and there a request could not be tried.
async function elsewhere() {
  const health = await fetch("health").then((response) => response.json());
  return health.api && health.api !== location.origin ? health : null;
}

function point(health) {
  const where = document.getElementById("where");
  document.documentElement.classList.add("elsewhere");
  if (health.state !== "running") {
    where.textContent = `The API is not running. Once it is started it answers at ${health.api}, where its docs page can also send requests.`;
    return;
  }
  const link = document.createElement("a");
  link.href = link.textContent = `${health.api}/docs`;
  where.append("The API answers at another port. To send requests from this page open ", link, ".");
}

async function show() {
  const other = await elsewhere();
  if (other) point(other);
  SwaggerUIBundle({
    dom_id: "#docs",
    url: "openapi.json",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    supportedSubmitMethods: other ? [] : ["get", "post", "put", "delete", "patch", "head", "options"],
    validatorUrl: null,
  });
}

show();
