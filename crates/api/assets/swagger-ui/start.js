// Shows the document beside this page. No validator badge: it would ask a
// server of somebody else.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
