# compat: the reference's domain-risk request answers 200 with its fields.
curl -H "X-API-Key: $API_KEY" \
"http://localhost:80/api/v1/tools/domain-risk?domain=malicious-site.example"
