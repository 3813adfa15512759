# compat: the guide's consumer alerts on a fall to CRITICAL and reconnects.
import asyncio
import json
import websockets
from websockets.exceptions import ConnectionClosed
API_KEY = "your-api-key"
WS_URL = f"ws://your-asn-api-host/api/v1/stream?api_key={API_KEY}"
async def handle_update(msg: dict):
    if msg.get("type") == "ping":
        return
    asn = msg["asn"]
    old = msg["previous_score"]
    new = msg["score"]
    level = msg["risk_level"]
    if level == "CRITICAL":
        print(f"[ALERT] AS{asn} score dropped {old} → {new}: now {level}")
async def stream(backoff: float = 1.0):
    while True:
        try:
            async with websockets.connect(WS_URL, ping_interval=None) as ws:
                print("Connected to score stream")
                backoff = 1.0 # reset on success
                async for raw in ws:
                    await handle_update(json.loads(raw))
        except ConnectionClosed as e:
            print(f"Connection closed ({e.code}). Reconnecting in {backoff}s…")
        except Exception as e:
            print(f"Error: {e}. Reconnecting in {backoff}s…")
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, 60) # exponential backoff, cap at 60s
asyncio.run(stream())
