"""A running gateway with its backend, for the checks of test_gateway_*.py.

Proves nothing itself. The database is made by `mmdb_writer`, another
implementation of the format than the gateway's own.
"""

import contextlib
import hashlib
import http.server
import itertools
import pathlib
import re
import socket
import subprocess
import threading
import time

PATIENCE = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process=None):
    """Until somebody listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


class Echo(http.server.BaseHTTPRequestHandler):
    """Tells what it was sent, as lines."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        lines = [f"{self.command} {self.path}"]
        lines += [f"{k.lower()}: {v}" for k, v in self.headers.items()]
        body = "\n".join(["<title>The shop</title>", *lines]).encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def backend():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def write_database(path):
    import netaddr
    from mmdb_writer import MMDBWriter

    writer = MMDBWriter(6, "Test-ASN", ipv4_compatible=True)
    for network, asn, org in [
        ("192.0.2.0/24", 64496, "Müller & Söhne"),
        ("203.0.113.0/24", 64500, "Bad Hosting"),
        ("127.0.0.0/8", 64511, "Loopback"),
    ]:
        writer.insert_network(
            netaddr.IPSet([network]),
            {"autonomous_system_number": asn,
             "autonomous_system_organization": org},
        )
    writer.to_db_file(str(path))


CONFIG = """
health: {{host: 127.0.0.1, port: 0}}
listeners: [{{bind: "127.0.0.1:0"}}]
trusted_proxies: [127.0.0.1/32]
backends: [{{name: app, servers: ["http://127.0.0.1:{backend}"]}}]
limits: {{drain_delay: 0s, drain_timeout: 2s}}
features:
  asn:
    enabled: true
    database: {{source: file, path: {database}, refresh_interval: 1s}}
    downstream_headers: {{enabled: true}}
    policy_usage: {{enabled: true}}
rules:
  - {{name: bad-net, action: DENY, network: 64500}}
  - {{name: patient, action: CHALLENGE, path: /patience,
     challenge: {{kind: metarefresh, difficulty: 1}}}}
  - {{name: worker, action: CHALLENGE, path: /work,
     challenge: {{kind: pow, difficulty: 4}}}}
  - {{name: secret, action: DENY, path: /secret,
     response: {{status: 451, body: not here, headers: {{X-Why: policy}}}}}}
  - {{name: watched, action: DENY, mode: shadow, path: /watched}}
server: {{host: 127.0.0.1, port: 0}}
verdict: {{bind: "127.0.0.1:0", contract: forward,
  trusted_peers: [127.0.0.1/32], on_failure: deny}}
"""


def redeem(url, client, answer, **how):
    """Solves a proof of work that came as JSON, through the proxy."""
    challenge = answer.json()["challenge"]
    zeros = "0" * challenge["difficulty"]
    nonce = next(
        n for n in itertools.count()
        if hashlib.sha256(f"{challenge['seed']}{n}".encode())
        .hexdigest().startswith(zeros)
    )
    return client.get(f"{url}{challenge['redeem']}&nonce={nonce}", **how)


class Gateway:
    """`proxy`, `verdicts`, `admin` are addresses as `http://127.0.0.1:N`,
    `grpc` is one as `127.0.0.1:N`."""

    def __init__(self, binary, directory, backend_port, text=CONFIG):
        directory = pathlib.Path(directory)
        self.database = directory / "asn.mmdb"
        write_database(self.database)
        self.config = config = directory / "gateway.yaml"
        config.write_text(
            text.format(backend=backend_port, database=self.database)
        )
        self.log = (directory / "gateway.log").open("w+")
        self.process = subprocess.Popen(
            [binary, "--config", config, "gateway", "--workers", "1"],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        found = {}
        for line in self.process.stdout:
            told = re.match(r"(\w+) on (\S+)", line)
            if told:
                found[told[1]] = told[2]
            if len(found) == 4:
                break
        else:
            raise AssertionError(pathlib.Path(self.log.name).read_text())
        self.proxy, self.verdicts = found["listening"], found["verdicts"]
        self.admin = found["admin"]
        self.grpc = found["ext_authz"].removeprefix("grpc://")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()
