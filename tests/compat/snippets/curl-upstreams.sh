# compat: the reference's upstreams request answers 200 with its fields.
curl -H "X-API-Key: $API_KEY" http://localhost:80/api/v1/asn/3333/upstreams
