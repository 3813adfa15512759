# compat: the guide's triage line prints the five fields of its example.
# Enrich a suspicious domain from an alert
curl -s -H "X-API-Key: $API_KEY" \
"http://your-asn-api-host/api/v1/tools/domain-risk?domain=suspicious.example.com" | \
jq '{domain, resolved_ip, asn, risk: .infrastructure_risk.risk_level, score: .infrastructure_risk.total_score}'
