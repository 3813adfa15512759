# compat: the reference's compare request answers 200 with its fields.
curl -H "X-API-Key: $API_KEY" \
"http://localhost:80/api/v1/tools/compare?asn_a=15169&asn_b=3356"
