# compat: the guide's vendor comparison prints the comparison alone.
# Compare AWS (16509) vs Azure (8075)
curl -s -H "X-API-Key: $API_KEY" \
"http://your-asn-api-host/api/v1/tools/compare?asn_a=16509&asn_b=8075" | \
jq '.comparison'
