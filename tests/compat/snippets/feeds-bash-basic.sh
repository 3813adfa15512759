# compat: seed of the threat feeds, letter by letter; indentation restored.
#!/bin/bash
API_KEY="your-api-key"
# Fetch threat feed using Basic Auth
THREAT_FEED=$(curl -s -X GET "https://api.gen0sec.com/v1/threat/feeds" \
-u "api:${API_KEY}" \
-H "Accept: text/plain")
# Process each IP/range
echo "$THREAT_FEED" | while read -r ip_range; do
if [ -n "$ip_range" ]; then
# Add to firewall rules (example for iptables)
# iptables -A INPUT -s "$ip_range" -j DROP
echo "Blocking: $ip_range"
fi
done
