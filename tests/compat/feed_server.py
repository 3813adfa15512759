"""A server of feeds for readers under test: the real renderer behind a small
HTTP server that can be told to fail.

Proves nothing itself. What the real server does is tested with the API; here
it is the readers that must do right whatever a server does.
"""

import base64
import hashlib
import http.server
import json
import threading
import urllib.parse

from feed_lists import AGGREGATED, MIXED, Renderer, aggregated

KEY = "a-key-of-this-test"


class FeedServer:
    """Serves `lines` in every format; `fault` is None, a status, or one of
    "empty", "cut", "damaged"."""

    def __init__(self, render_binary, lines=None):
        self.render = Renderer(render_binary)
        self.lines = MIXED if lines is None else lines
        self.fault = None
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def body(self, path):
        """The list of a path like `/v1/threat/feeds/nft?max_entries=5`."""
        parts = urllib.parse.urlsplit(path)
        parameters = dict(urllib.parse.parse_qsl(parts.query))
        format = parts.path.removeprefix("/v1/threat/feeds").strip("/")
        lines = self.lines
        stem = format.rpartition(".")[0] or format
        if format in AGGREGATED or stem in AGGREGATED:
            lines = aggregated(lines)
        lines = lines[: int(parameters.get("max_entries", len(lines)))]
        return self.render.text(format or "plain", lines)

    def answer(self, request):
        self.seen.append((request.command, request.path, request.headers))
        basic = base64.b64encode(f"api:{KEY}".encode()).decode()
        allowed = (f"Basic {basic}", f"Bearer {KEY}")
        if isinstance(self.fault, int):
            return self.send(request, self.fault, error=True)
        if request.headers.get("Authorization") not in allowed:
            return self.send(request, 401, error=True)
        try:
            body = self.body(request.path)
        except AssertionError:
            return self.send(request, 404, error=True)
        if self.fault == "empty":
            body = b""
        self.send(request, 200, body)

    def send(self, request, status, body=b"", error=False):
        digest = hashlib.sha256(body)
        etag = f'W/"{digest.hexdigest()[:32]}"'
        if error:
            body = json.dumps(
                {"success": False, "error": "out of order", "details": {}}
            ).encode()
        elif request.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        elif self.fault == "damaged":
            body = body.replace(b"1", b"2")
        request.send_response(status)
        if not error:
            value = base64.b64encode(digest.digest()).decode()
            request.send_header("ETag", etag)
            request.send_header("Repr-Digest", f"sha-256=:{value}:")
        if status != 304:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            if self.fault == "cut":
                request.wfile.write(body[: len(body) // 2])
                request.close_connection = True
            else:
                request.wfile.write(body)
