"""Proves that a feed and a gateway agree: whom the feed of an organisation names,
the gateway that reads it refuses, and nobody else; `explain` says the same.

A demo server with rules of every kind, a gateway with `source: asgard` for its
table and its feed, and random addresses, half of them at the edges of entries.
"""

import bisect
import concurrent.futures
import http.client
import ipaddress
import random
import time

import pytest

from asgard_server import Asgard
from gateway_server import Gateway, backend

PATIENCE = 30
CASES = 4000
EXPLAINED = 600
CONFIG = """
health: {{host: 127.0.0.1, port: 0}}
listeners: [{{bind: "127.0.0.1:0"}}]
trusted_proxies: [127.0.0.1/32]
backends: [{{name: app, servers: ["http://127.0.0.1:{backend}"]}}]
limits: {{drain_delay: 0s, drain_timeout: 2s}}
asgard: {{url: "URL", key_file: KEY_FILE, poll: 1s}}
features:
  asn:
    enabled: true
    database: {{source: asgard}}
    policy_usage: {{enabled: true}}
feeds:
  acme: {{source: asgard, refresh_interval: 1s}}
rules:
  - {{name: fed, action: DENY, expression: 'inFeed("acme")'}}
server: {{host: 127.0.0.1, port: 0}}
verdict: {{bind: "127.0.0.1:0", contract: forward,
  trusted_peers: [127.0.0.1/32], on_failure: deny}}
"""
RULE = {
    "name": "everything",
    "block": {
        "ips": [
            "5.188.86.7", "45.148.10.0/23", "62.0.0.0/10", "2a0d:d900::/29",
            "2a02:26f0:1::1",
        ],
        "asn": ["AS64496"],
        "country": ["NL"],
        "risk": [{"level": "CRITICAL"}],
    },
}  # fmt: skip
# Inside the blocks, and what is beside each and stays blocked.
PROTECTED = {
    "62.1.2.3": "62.1.2.4",
    "62.32.0.0/16": "62.33.0.0",
    "2a0d:d901::/32": "2a0d:d902::",
}


class Members:
    """The addresses of a list, by other people's arithmetic."""

    def __init__(self, text):
        self.starts, self.ends = {4: [], 6: []}, {4: [], 6: []}
        networks = [ipaddress.ip_network(line) for line in text.split()]
        for version in (4, 6):
            family = (n for n in networks if n.version == version)
            for network in ipaddress.collapse_addresses(family):
                self.starts[version].append(int(network[0]))
                self.ends[version].append(int(network[-1]))

    def __contains__(self, address):
        at = bisect.bisect_right(self.starts[address.version], int(address))
        return at > 0 and int(address) <= self.ends[address.version][at - 1]

    def edges(self):
        """The first and last address of each entry, and their neighbours."""
        for version, make in (4, ipaddress.IPv4Address), (
            6, ipaddress.IPv6Address,
        ):  # fmt: skip
            last = (1 << (32 if version == 4 else 128)) - 1
            ends = zip(self.starts[version], self.ends[version])
            for start, end in ends:
                for value in (start - 1, start, end, end + 1):
                    if 0 <= value <= last:
                        yield make(value)


class Site:
    """A server with an organisation's rules, and a gateway that obeys them."""

    def __init__(self, server, gateway):
        self.server, self.gateway = server, gateway
        self.org = server.make_key("rules:write,read,feed:read", org="acme")
        for entry in PROTECTED:
            self.write("/v1/protected", {"ip": entry, "reason": "ours"})
        self.write("/v1/access-rules", {**RULE, "confirm_share": 1})
        self.until_refused(ipaddress.ip_address("5.188.86.7"), True)

    def write(self, path, body):
        answer = self.server.ask("POST", path, self.org, body=body)
        assert answer.status in (200, 201), answer.body
        return answer.json

    def feed(self):
        answer = self.server.get("/v1/threat/feeds", self.org)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def refused(self, addresses):
        """Whom the gateway refuses, by one connection."""
        host = self.gateway.proxy.removeprefix("http://")
        line = http.client.HTTPConnection(host, timeout=PATIENCE)
        found = set()
        for address in addresses:
            line.request("GET", "/", headers={"X-Forwarded-For": str(address)})
            answer = line.getresponse()
            answer.read()
            assert answer.status in (200, 403), (address, answer.status)
            if answer.status == 403:
                found.add(address)
        line.close()
        return found

    def until_refused(self, address, expected):
        end = time.monotonic() + PATIENCE
        while (address in self.refused([address])) != expected:
            assert time.monotonic() < end, (address, expected)
            time.sleep(0.1)


@pytest.fixture(scope="module")
def site(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("feed")
    with Asgard(binary, "--rate-limit", "0") as server, backend() as port:
        key_file = directory / "key"
        key_file.write_text(server.make_key("read,feed:read", org="acme"))
        key_file.chmod(0o600)
        text = CONFIG.replace("URL", server.url)
        text = text.replace("KEY_FILE", str(key_file))
        gateway = Gateway(binary, directory, port, text)
        try:
            yield Site(server, gateway)
        finally:
            gateway.stop()


def test_a_gateway_refuses_exactly_whom_the_feed_names(site, record_property):
    members = Members(site.feed())

    dice = random.Random(6)
    edges = list(members.edges())
    addresses = dice.sample(edges, min(len(edges), CASES // 2))
    while len(addresses) < CASES:
        make, bits = dice.choice(
            [(ipaddress.IPv4Address, 32), (ipaddress.IPv6Address, 128)]
        )
        addresses.append(make(dice.getrandbits(bits)))
    expected = {a for a in addresses if a in members}
    assert len(expected) > CASES // 10
    refused = site.refused(addresses)
    assert refused == expected

    def explained(address):
        answer = site.server.get(f"/v1/explain?ip={address}", site.org)
        assert answer.status == 200, answer.body
        return answer.json["in_feed"]

    sample = dice.sample(addresses, EXPLAINED)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for address, told in zip(sample, pool.map(explained, sample)):
            assert told == (address in expected), address
    record_property("addresses", len(addresses))
    record_property("refused", len(refused))


def test_a_gateway_follows_a_block_and_an_unblock_within_its_poll(site):
    victim = ipaddress.ip_address("93.184.216.34")
    event = {"type": "access_rules", "action": "block", "ip": str(victim)}
    site.until_refused(victim, False)
    site.write("/v1/signal", [event])
    site.until_refused(victim, True)
    site.write("/v1/signal", [{**event, "action": "unblock"}])
    site.until_refused(victim, False)


def test_a_protected_address_inside_a_block_passes(site):
    for entry, beside in PROTECTED.items():
        inside = ipaddress.ip_network(entry)[0]
        beside = ipaddress.ip_address(beside)
        assert site.refused([inside, beside]) == {beside}
