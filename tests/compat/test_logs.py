"""Proves that the log stays one JSON object a line, without secrets.

Hostile bytes go to a server with `--log-json -vv` through a raw socket, since
no client library would send them. Afterwards every line of its stderr must
parse as one JSON object, none may hold a key or a part of one, and no text of
ours may have become a line or a field of its own.
"""

import base64
import json
import random
import socket

import pytest

from asgard_server import MOUNTS, Asgard, fetch

MARK = "compat-forged"
FORGED = json.dumps({"level": "ERROR", MARK: True})


def send(server, data):
    """Raw bytes; whatever comes back."""
    with socket.create_connection(
        ("127.0.0.1", server.port), timeout=10
    ) as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := peer.recv(65536):
                answer += chunk
        except OSError:
            return b""
    return answer


def request(target, *headers, method=b"GET"):
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: x",
             b"Connection: close", *headers]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n"


def hostile(server):
    """Requests that want to get something into the log."""
    keys = [server.key.encode(), server.admin.encode()]
    forged = FORGED.encode()
    nasty = [bytes([n]) for n in range(256)] + [
        b"\r\n" + forged, b"\n" + forged, b"%0d%0a" + forged, b"\x1b[31m",
        b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
        "\u2028\u2029\u0085\ufeff".encode(), b'"', b"\\", b"\\u0000", b"{}{}",
        b"%s%n${jndi:ldap://x}", b"<script>", b"A" * 4000,
    ]  # fmt: skip
    for text in nasty:
        yield request(b"/v1/asn/" + text)
        yield request(b"/" + text)
        yield request(b"/feeds/edl?level=" + text)
        yield request(b"/feeds/edl", b"User-Agent: " + text)
        yield request(b"/feeds/edl", b"X-Trace-ID: " + text)
        yield request(b"/v1/asn/1", b"X-API-Key: " + text)
        yield request(b"/v1/asn/1", b"Authorization: Bearer " + text)
        yield request(b"/feeds/edl", text + b": x")
        yield request(b"/feeds/edl", method=text)
    for key in keys:
        for mount in MOUNTS:
            path = mount.encode()
            for target in (
                b"/stream",
                b"/stream/sse",
                b"/asn/15169",
                b"/nowhere",
            ):
                yield request(path + target + b"?api_key=" + key)
                yield request(
                    path + target + b"?a=b&api%5Fkey=" + key + b"&c=\xff"
                )
        yield request(b"/" + key)
        yield request(b"/v1/asn/" + key)
        yield request(b"/v1/asn/15169", b"X-API-Key: " + key + b"x")
        yield request(b"/v1/asn/15169", b"Authorization: Bearer " + key)
        basic = base64.b64encode(b"api:" + key)
        yield request(b"/v1/asn/15169", b"Authorization: Basic " + basic)
        yield request(b"/v1/asn/15169", b"Cookie: key=" + key)
        yield request(b"/v1/asn/15169", b"Referer: http://x/?api_key=" + key)
        body = b'{"asn": "' + key + b'"}'
        yield request(
            b"/v1/whitelist", b"X-API-Key: " + keys[1],
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(body), method=b"POST",
        ) + body  # fmt: skip
        upgrade = [b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # fmt: skip
        for tail in (b"", b"x", b"\x01"):
            yield request(
                b"/v1/stream?api_key=" + key + tail, *upgrade
            ).replace(b"Connection: close", b"Connection: Upgrade")
    reason = f"line one\n{FORGED}\r\n\x1b[2J\u2028\u0000 end"
    body = json.dumps({"asn": 64500, "reason": reason}).encode()
    yield request(
        b"/v1/whitelist", b"X-API-Key: " + keys[1],
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body), method=b"POST",
    ) + body  # fmt: skip
    noise = random.Random(7)
    for _ in range(200):
        yield noise.randbytes(noise.randrange(1, 300))
        yield request(b"/" + noise.randbytes(60), b"X: " + noise.randbytes(60))


@pytest.fixture(scope="module")
def lines(binary, outside):
    with Asgard(
        binary, "--rate-limit", "0", "--log-json", "-vv", *outside
    ) as server:
        for data in hostile(server):
            send(server, data)
        assert fetch(server.url + "/readyz").status == 200, "still there"
        log = server.log.read_bytes()
        yield server, log.split(b"\n")


def test_every_line_is_one_json_object(lines, record_property):
    _, found = lines
    assert found.pop() == b"", "the last line is ended"
    record_property("lines", len(found))
    assert len(found) > 1000, "the requests were logged"
    for line in found:
        entry = json.loads(line.decode("utf-8"))
        assert isinstance(entry, dict), line
        assert {"timestamp", "level"} <= set(entry), line


def test_no_client_writes_a_line_or_a_field(lines):
    _, found = lines
    for line in filter(None, found):
        assert MARK not in json.loads(line), line
        assert not any(byte < 0x20 or byte == 0x7F for byte in line), line


def test_no_key_is_in_the_log(lines):
    server, found = lines
    log = b"\n".join(found)
    for key in (server.key, server.admin):
        secret = key.split("_")[-1].encode()
        assert secret not in log
        assert secret[:16] not in log, "not even a part"
        assert base64.b64encode(b"api:" + key.encode()) not in log
