"""Proves that a request gets one answer, however it is asked about: sent through
the proxy, told by a proxy over HTTP, told by Envoy over gRPC, and written down as
a test of `asgard rules test`.

Thousands of random requests over real sockets; crates/gateway tries a hundred
thousand inside one process.
"""

import collections
import http.client
import json
import random
import subprocess

import pytest

from gateway_server import Gateway, backend

grpc = pytest.importorskip("grpc")

CASES = 3000
CONFIG = """
health: {{host: 127.0.0.1, port: 0}}
listeners: [{{bind: "127.0.0.1:0"}}]
trusted_proxies: [127.0.0.1/32]
backends: [{{name: app, servers: ["http://127.0.0.1:{backend}"]}}]
limits: {{drain_delay: 0s, drain_timeout: 2s}}
features:
  asn:
    enabled: true
    database: {{source: file, path: {database}}}
    policy_usage: {{enabled: true}}
ip_lists:
  office: {{source: inline, entries: [198.51.100.0/28]}}
auto_challenge:
  thresholds:
    - {{name: work, threshold: 20, challenge: pow, difficulty: 2}}
rules:
  - {{name: office, action: ALLOW, ip_list: office}}
  - {{name: git, action: DENY, path_regex: '(?i)/\\.git(/|$)',
     response: {{status: 404, headers: {{X-Why: git}}}}}}
  - {{name: watched, action: DENY, mode: shadow, network: 64496}}
  - {{name: bad-net, action: DENY, network: 64500,
     response: {{headers: {{X-Why: bad-net}}}}}}
  - {{name: admin, action: DENY, path: /admin,
     response: {{status: 451, headers: {{X-Why: admin}}}}}}
  - {{name: bots, action: CHALLENGE, user_agent_regex: "bot|curl",
     challenge: {{kind: pow, difficulty: 1}}}}
  - {{name: written, action: DENY, expression:
     'method in ["PUT", "DELETE"] && host == "shop.example"',
     response: {{headers: {{X-Why: written}}}}}}
  - {{name: query, action: DENY, expression: '"cmd" in query',
     response: {{headers: {{X-Why: query}}}}}}
  - {{name: spoofed, action: DENY, expression:
     '"x-rescaled-asn-number" in headers || "host" in headers',
     response: {{headers: {{X-Why: spoofed}}}}}}
  - {{name: session, action: WEIGH, weight: -5, expression:
     'headers["cookie"].contains("sid=")'}}
  - {{name: no-accept, action: WEIGH, weight: 12, expression:
     'missingHeader("accept")'}}
  - {{name: no-language, action: WEIGH, weight: 9, expression:
     'missingHeader("accept-language")'}}
  - {{name: deep, action: WEIGH, weight: 7, expression:
     'size(segments(path)) > 3'}}
server: {{host: 127.0.0.1, port: 0}}
verdict: {{bind: "127.0.0.1:0", contract: forward,
  trusted_peers: [127.0.0.1/32], on_failure: deny}}
"""
PIECES = [
    "a", "admin", "%61dmin", "ADMIN", "..", ".", "", "%2e%2e", "%2F", "a%2fb",
    "%C3%BC", "%ff", "wp-login.php", ".git", "%2Egit", "robots.txt", "%2561",
    "x;y=z", "a+b",
]  # fmt: skip
Request = collections.namedtuple("Request", "ip method host target headers")
Outcome = collections.namedtuple("Outcome", "action rule status why")


def sketch(dice):
    target = "".join(
        "/" + dice.choice(PIECES) for _ in range(dice.randint(1, 5))
    )
    if dice.random() < 0.03:
        target += dice.choice(["%", "%zz", "%00"])
    if dice.random() < 0.3:
        target += dice.choice(["?", "?a=1", "?cmd=ls", "?a=%20&b=/../c"])
    n = dice.randrange(256)
    ip = dice.choice([
        f"192.0.2.{n}", f"203.0.113.{n}", f"198.51.100.{n}", f"2001:db8::{n:x}",
    ])  # fmt: skip
    optional = [
        ("accept", "*/*"), ("accept-language", "de"), ("cookie", "sid=1; a=b"),
        ("x-rescaled-asn-number", "64500"), ("x-asgard-action", "ALLOW"),
        ("referer", "https://shop.example/"), ("x-original-url", "/admin"),
    ]  # fmt: skip
    headers = dict(h for h in optional if dice.random() < 0.5)
    agent = dice.choice(["Mozilla/5.0", "a bot", "curl/8.5", "Mozilla", None])
    if agent:
        headers["user-agent"] = agent
    method = dice.choice(["GET", "GET", "GET", "DELETE", "PUT"])
    host = dice.choice(["shop.example", "SHOP.example:8080", "api.example"])
    return Request(ip, method, host, target, headers)


@pytest.fixture(scope="module")
def gateway(binary, tmp_path_factory):
    with backend() as port:
        directory = tmp_path_factory.mktemp("agreement")
        gateway = Gateway(binary, directory, port, CONFIG)
        yield gateway
        gateway.stop()


def send(connection, method, target, headers):
    connection.putrequest(
        method, target, skip_host=True, skip_accept_encoding=True
    )
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    return answer


def through_the_proxy(gateway, requests):
    """What the visitor sees: the status, and the header of the rule."""
    place = gateway.proxy.removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=30)
    for of in requests:
        chain = f"203.0.113.1, {of.ip}"
        headers = {"Host": of.host, "X-Forwarded-For": chain, **of.headers}
        answer = send(connection, of.method, of.target, headers)
        yield answer.status, answer.headers.get("x-why")


def told_over_http(gateway, requests):
    place = gateway.verdicts.removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=30)
    for of in requests:
        headers = {
            "Host": "verdicts", "X-Forwarded-Method": of.method,
            "X-Forwarded-Proto": "http", "X-Forwarded-Host": of.host,
            "X-Forwarded-Uri": of.target, "X-Forwarded-For": of.ip,
            **of.headers,
        }  # fmt: skip
        answer = send(connection, "GET", "/v1/verdict/forward", headers)
        told = answer.headers
        rule = told.get("x-asgard-rule") or None
        status = 200 if answer.status == 204 else answer.status
        why = told.get("x-why")
        yield Outcome(told.get("x-asgard-action"), rule, status, why)


def told_over_grpc(gateway, requests):
    from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

    with grpc.insecure_channel(gateway.grpc) as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)
        for of in requests:
            check = external_auth_pb2.CheckRequest()
            attributes = check.attributes
            attributes.source.address.socket_address.address = of.ip
            message = attributes.request.http
            message.method, message.path = of.method, of.target
            message.host, message.scheme = of.host, "http"
            # A visitor's own claim, which counts for nothing.
            message.headers["x-forwarded-for"] = "203.0.113.1"
            for name, value in of.headers.items():
                message.headers[name] = value
            answer = stub.Check(check, timeout=30)
            told, denied = answer.dynamic_metadata, answer.denied_response
            if answer.status.code == 0:
                status, why = 200, None
            else:
                status = denied.status.code
                found = {h.header.key.lower(): h.header.value
                         for h in denied.headers}  # fmt: skip
                why = found.get("x-why")
            action = told["action"] if "action" in told else None
            rule = told["rule"] or None if "rule" in told else None
            yield Outcome(action, rule, status, why)


def as_tests(requests, outcomes):
    for number, (of, outcome) in enumerate(zip(requests, outcomes)):
        headers = {
            name: value for name, value in of.headers.items()
            if not name.startswith(("x-rescaled-", "x-asgard-"))
        }  # fmt: skip
        request = {
            "ip": of.ip, "method": of.method, "path": of.target,
            "host": of.host.lower().split(":")[0], "headers": headers,
        }  # fmt: skip
        agent = headers.pop("user-agent", None)
        if agent:
            request["user_agent"] = agent
        expect = {"action": outcome.action}
        if outcome.rule:
            expect["rule"] = outcome.rule
        yield {"name": f"t{number}", "request": request, "expect": expect}


def test_all_ways_agree(binary, gateway, record_property):
    dice = random.Random(7)
    requests = [sketch(dice) for _ in range(CASES)]
    seen = list(through_the_proxy(gateway, requests))
    over_http = list(told_over_http(gateway, requests))
    over_grpc = list(told_over_grpc(gateway, requests))
    counts = collections.Counter()
    for of, visitor, told, envoy in zip(requests, seen, over_http, over_grpc):
        assert (told.status, told.why) == visitor, of
        if told.status == 400:
            # No decision about what is no request.
            assert envoy.status == 400, of
        else:
            assert envoy == told, of
        counts[told.rule or told.status] += 1
    for rule in ("office", "git", "bad-net", "admin", "bots", "written",
                 "query", 200, 400, 403):  # fmt: skip
        assert counts[rule] > 5, counts
    assert counts["spoofed"] == 0
    decided = [
        (of, told) for of, told in zip(requests, over_http)
        if told.status != 400
    ]  # fmt: skip
    tests = list(as_tests(*zip(*decided)))
    beside = gateway.config.with_name("with-tests.yaml")
    beside.write_text(
        gateway.config.read_text() + "tests: " + json.dumps(tests)
    )
    ran = subprocess.run(
        [binary, "rules", "test", beside], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert str(len(tests)) in ran.stdout, ran.stdout[-300:]
    record_property("requests", CASES)
    record_property("outcomes", dict(counts))
