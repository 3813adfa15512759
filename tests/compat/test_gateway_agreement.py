"""Proves that a request gets one answer, however it is asked about: sent through
the proxy, told by a proxy over HTTP, told by Envoy over gRPC, written down as a
test of `asgard rules test`, found in a log by `replay`, typed for `explain`, and
asked about at `/v1/explain`.

Thousands of random requests over real sockets; crates/gateway tries a hundred
thousand inside one process.
"""

import collections
import http.client
import json
import pathlib
import random
import subprocess
import urllib.parse
import urllib.request

import pytest

from gateway_server import Gateway, backend

grpc = pytest.importorskip("grpc")

CASES = 3000
# Each of these starts a process.
EXPLAINED = 150
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
  geoip:
    enabled: true
    database: {{source: file, path: DIRECTORY/city.mmdb}}
    policy_usage: {{enabled: true}}
ip_lists:
  office: {{source: inline, entries: [198.51.100.0/28]}}
  bad: {{source: file, path: DIRECTORY/bad.txt}}
  nobody: {{source: inline, entries: []}}
auto_challenge:
  thresholds:
    - {{name: work, threshold: 20, challenge: pow, difficulty: 2}}
rules:
  - {{name: office, action: ALLOW, ip_list: office}}
  - {{name: git, action: DENY, path_regex: '(?i)/\\.git(/|$)',
     response: {{status: 404, headers: {{X-Why: git}}}}}}
  - {{name: watched, action: DENY, mode: shadow, network: 64496}}
  - {{name: listed, action: DENY, ip_list: bad,
     response: {{headers: {{X-Why: listed}}}}}}
  - {{name: far, action: DENY, geoip: [NZ],
     response: {{headers: {{X-Why: far}}}}}}
  - {{name: nobody, action: DENY, expression:
     'path == "/ADMIN" && !inList("nobody")',
     response: {{headers: {{X-Why: nobody}}}}}}
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
     '["x-rescaled-asn-number", "host", "x-forwarded-port", "x-client-ip"]
       .exists(name, name in headers)',
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
# As people write them: a mark of the order of bytes, both comments, a typing error.
BAD = "\ufeff198.51.100.128/25 # half\n2001:db8::80/121 ; half\n192.0.2.\n"
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
        ("x-forwarded-port", "443"), ("x-client-ip", "192.0.2.1"),
    ]  # fmt: skip
    headers = dict(h for h in optional if dice.random() < 0.5)
    agent = dice.choice(["Mozilla/5.0", "a bot", "curl/8.5", "Mozilla", None])
    if agent:
        headers["user-agent"] = agent
    method = dice.choice(["GET", "GET", "GET", "DELETE", "PUT"])
    host = dice.choice(["shop.example", "SHOP.example:8080", "api.example"])
    return Request(ip, method, host, target, headers)


def write_places(path):
    import netaddr
    from mmdb_writer import MMDBWriter

    writer = MMDBWriter(6, "Test-City", ipv4_compatible=True)
    for network, code in [("203.0.113.0/25", "NZ"), ("192.0.2.0/24", "NL")]:
        place = {"country": {"iso_code": code}}
        writer.insert_network(netaddr.IPSet([network]), place)
    writer.to_db_file(str(path))


@pytest.fixture(scope="module")
def gateway(binary, tmp_path_factory):
    with backend() as port:
        directory = tmp_path_factory.mktemp("agreement")
        write_places(directory / "city.mmdb")
        (directory / "bad.txt").write_text(BAD)
        text = CONFIG.replace("DIRECTORY", str(directory))
        gateway = Gateway(binary, directory, port, text)
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
        request = {
            "ip": of.ip, "method": of.method, "path": of.target,
            "host": of.host, "headers": of.headers,
        }  # fmt: skip
        expect = {"action": outcome.action}
        if outcome.rule:
            expect["rule"] = outcome.rule
        yield {"name": f"t{number}", "request": request, "expect": expect}


def rules(binary, *words):
    ran = subprocess.run(
        [binary, "rules", *words], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def explained(binary, gateway, of):
    words = ["--ip", of.ip, "--path", of.target, "--host", of.host]
    words += ["--method", of.method, "-o", "json"]
    for name, value in of.headers.items():
        words += ["--header", f"{name}={value}"]
    shown = json.loads(rules(binary, "explain", gateway.config, *words))
    return shown["action"], shown["rule"]


def explained_by_the_gateway(gateway, of):
    asked = [("ip", of.ip), ("path", of.target), ("host", of.host),
             ("method", of.method)]  # fmt: skip
    asked += [("header", f"{n}: {v}") for n, v in of.headers.items()]
    query = urllib.parse.urlencode(asked)
    place = f"{gateway.admin}/v1/explain?{query}"
    with urllib.request.urlopen(place, timeout=30) as answer:
        shown = json.load(answer)
    return shown["action"], shown["rule"]


def check_replay(binary, gateway, decided):
    """A log knows no other headers than these."""
    known = {"user-agent", "referer"}
    of_rules = ("accept", "accept-language", "cookie")
    decided = [(of, told) for of, told in decided
               if not any(name in of.headers for name in of_rules)]  # fmt: skip
    log = pathlib.Path(gateway.config).with_name("access.log")
    log.write_text("".join(
        json.dumps({
            "ip": of.ip, "method": of.method, "path": of.target,
            "host": of.host,
            **{name.replace("-", "_"): of.headers[name]
               for name in known & of.headers.keys()},
        }) + "\n"
        for of, _ in decided
    ))  # fmt: skip
    shown = rules(binary, "replay", gateway.config, log, "-o", "json")
    report = json.loads(shown)
    actions = collections.Counter(told.action for _, told in decided)
    for action in ("ALLOW", "DENY", "CHALLENGE"):
        assert report[action.lower()] == actions[action], report
    by_rule = collections.Counter(told.rule for _, told in decided)
    for rule in report["rules"]:
        name = rule["rule"]
        if rule["effect"] != "WEIGH" and name != "watched":
            assert rule["hits"] == by_rule[name], (name, report)
    assert by_rule["listed"] > 5 and by_rule["far"] > 5, by_rule
    return len(decided)


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
                 "query", "listed", "far", "nobody", 200, 400, 403):  # fmt: skip
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
    told = rules(binary, "test", beside)
    assert f"{len(tests)} tests passed" in told, told[-300:]
    for of, told in decided[:EXPLAINED]:
        assert explained(binary, gateway, of) == (told.action, told.rule), of
    for of, told in decided:
        shown = explained_by_the_gateway(gateway, of)
        assert shown == (told.action, told.rule), of
    replayed = check_replay(binary, gateway, decided)
    assert replayed > 100
    record_property("replayed", replayed)
    record_property("requests", CASES)
    record_property("outcomes", dict(counts))
