# compat: seed of the threat feeds, letter by letter; indentation restored.
curl -X GET "https://api.gen0sec.com/v1/threat/feeds" \
-u "api:your-api-key" \
-H "Accept: text/plain"
