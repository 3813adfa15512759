# compat: the guide's batch enrichment tells known domains from unknown ones.
import asyncio
import aiohttp
API_KEY = "your-api-key"
BASE_URL = "http://your-asn-api-host/api"
async def enrich_domain(session: aiohttp.ClientSession, domain: str) -> dict:
    url = f"{BASE_URL}/v1/tools/domain-risk"
    async with session.get(url, params={"domain": domain}) as resp:
        if resp.status == 200:
            return await resp.json()
        return {"domain": domain, "error": resp.status}
async def bulk_enrich(domains: list[str]):
    headers = {"X-API-Key": API_KEY}
    async with aiohttp.ClientSession(headers=headers) as session:
        tasks = [enrich_domain(session, d) for d in domains]
        results = await asyncio.gather(*tasks)
    for r in results:
        if "infrastructure_risk" in r:
            risk = r["infrastructure_risk"]
            level = risk.get("risk_level", "UNKNOWN")
            score = risk.get("total_score", "?")
            print(f"{r['domain']:40s} {r['resolved_ip']:16s} AS{r['asn']} {level} ({score})")
        else:
            print(f"{r.get('domain'):40s} ERROR: {r.get('error')}")
domains = [
    "phishing-kit.example.com",
    "c2-server.example.net",
    "legit-site.com",
]
asyncio.run(bulk_enrich(domains))
