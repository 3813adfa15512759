# compat: the reference's three EDL requests answer lists of growing length.
# Default: all CRITICAL+HIGH ASNs (score ≤ 50)
curl http://localhost:80/api/feeds/edl
# Strict: only CRITICAL ASNs (score ≤ 49)
curl "http://localhost:80/api/feeds/edl?max_score=49"
# Broad: any ASN not fully trusted (score ≤ 89)
curl "http://localhost:80/api/feeds/edl?max_score=89"
