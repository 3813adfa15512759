# compat: the reference's Python consumer prints each change of a score.
import asyncio
import websockets
import json
async def stream_updates():
    url = "ws://localhost:80/api/v1/stream?api_key=YOUR_KEY"
    async with websockets.connect(url) as ws:
        async for raw in ws:
            msg = json.loads(raw)
            if msg.get("type") == "ping":
                continue # heartbeat
            print(f"AS{msg['asn']}: {msg['previous_score']} → {msg['score']} ({msg['risk_level']})")
asyncio.run(stream_updates())
