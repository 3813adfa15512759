"""Stand-ins on loopback for the servers that asgard or its users talk to.

Prove nothing themselves: a name server that knows a few public names, a
PeeringDB that knows one network, a Splunk HEC that remembers what it got.
"""

import http.server
import json
import ssl
import subprocess
import threading
import urllib.parse

from dnslib import QTYPE, RCODE, RR, A
from dnslib.server import BaseResolver, DNSLogger, DNSServer

# Addresses of the demo world, which has its famous networks where they are.
NAMES = {
    "malicious-site.example": "8.8.8.8",
    "suspicious.example.com": "8.8.8.8",
    "legit-site.com": "8.8.8.8",
    "example.com": "8.8.8.8",
    "private.example.com": "10.0.0.1",
}


class NameServer(BaseResolver):
    """Answers A for `NAMES`, nothing for their other types, else NXDOMAIN."""

    def __init__(self):
        self.server = DNSServer(
            self, address="127.0.0.1", port=0, logger=DNSLogger("error", False)
        )

    def resolve(self, request, handler):
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        if name not in NAMES:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A:
            reply.add_answer(RR(name, QTYPE.A, ttl=60, rdata=A(NAMES[name])))
        return reply

    @property
    def address(self):
        host, port = self.server.server.server_address
        return f"{host}:{port}"

    def __enter__(self):
        self.server.start_thread()
        return self

    def __exit__(self, *_):
        self.server.stop()


class HttpStub:
    """A server on a free port; `answer(method, path, headers, body)` says
    status and JSON."""

    scheme = "http"

    def __init__(self):
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                status, value = stub.answer(
                    self.command, self.path, dict(self.headers), body
                )
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def host(self):
        return "127.0.0.1:{}".format(self.server.server_address[1])

    @property
    def url(self):
        return f"{self.scheme}://{self.host}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class PeeringDb(HttpStub):
    """Knows AS64512, which the demo's own copy of PeeringDB does not, and says
    404 of all others, as the real one does."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def answer(self, method, path, headers, body):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        self.asked.append(query.get("asn"))
        if query.get("asn") != ["64512"]:
            return 404, {"data": [], "meta": {"error": "Entity not found"}}
        network = {
            "id": 1,
            "org_id": 1,
            "asn": 64512,
            "name": "Example Internal",
            "info_type": "Enterprise",
            "website": "https://www.example.com",
            "ix_count": 42,
            "fac_count": 18,
            "policy_general": "Open",
        }
        return 200, {"data": [network], "meta": {}}


class Splunk(HttpStub):
    """An HTTP event collector with a certificate that nobody has signed."""

    scheme = "https"

    def __init__(self, directory):
        super().__init__()
        self.events = []
        key, certificate = directory / "key.pem", directory / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key),
             "-out", str(certificate)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True
        )

    def answer(self, method, path, headers, body):
        self.events.append(
            (path, headers.get("Authorization"), json.loads(body))
        )
        return 200, {"text": "Success", "code": 0}
