// compat: the reference's JavaScript consumer prints each change of a score.
const ws = new WebSocket('ws://localhost:80/api/v1/stream?api_key=YOUR_KEY');
ws.onmessage = (event) => {
const msg = JSON.parse(event.data);
if (msg.type === 'ping') return;
console.log(`AS${msg.asn}: ${msg.previous_score} → ${msg.score} (${msg.risk_level})`);
};
ws.onclose = (event) => {
console.log(`Closed: code=${event.code}. Reconnecting...`);
// Implement exponential backoff
};
