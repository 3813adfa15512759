# compat: the reference's whitelist request answers its very sentence.
curl -X POST \
-H "X-API-Key: $API_KEY" \
-H "Content-Type: application/json" \
-d '{"asn": 64512, "reason": "Internal network"}' \
http://localhost:80/api/v1/whitelist
