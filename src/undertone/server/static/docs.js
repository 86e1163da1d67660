// Draws /openapi.json. The shipped Swagger UI reads OpenAPI 3.0; what we use of 3.1 it shows as well, once it is told so.
const answer = await fetch("/openapi.json");
const spec = await answer.json();
SwaggerUIBundle({
  spec: { ...spec, openapi: "3.0.3" },
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
