# compat: the reference's bulk request answers 200, three results in order.
curl -X POST \
-H "X-API-Key: $API_KEY" \
-H "Content-Type: application/json" \
-d '{"asns": [15169, 13335, 8075]}' \
http://localhost:80/api/v1/tools/bulk-risk-check
