# compat: the guide's polling script fills an ipset from the EDL.
#!/bin/bash
# Pull the EDL and update a local blocklist file
curl -sf "http://your-asn-api-host/api/feeds/edl?max_score=50" \
> /etc/firewall/asn-blocklist.txt
# Reload your firewall rules (example for ipset)
ipset flush asn-blocklist
while read -r asn; do
# Strip "AS" prefix and do a route lookup per ASN
NUM="${asn#AS}"
whois -h whois.radb.net -- "-i origin AS${NUM}" | \
grep '^route:' | awk '{print $2}' | \
xargs -I{} ipset add asn-blocklist {}
done < /etc/firewall/asn-blocklist.txt
