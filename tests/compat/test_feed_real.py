"""Proves that what the real server serves is what devices load.

The binary, an organisation with 30 blocked prefixes, and every format: fetched
over HTTP, then read by the same programs and grammars that judge the renderer.
The simulated firewalls poll it, and the fetcher of docs/feeds fetches it.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import feed_grammars as grammar
import feed_tools as real
from asgard_server import Asgard, fetch
from device_simulators import Cisco, FortiGate, Juniper, PanOs, Sophos
from feed_lists import MIXED, networks
from test_feed_formats import VALIDATORS

FETCHER = pathlib.Path(__file__).parents[2] / "docs" / "feeds" / "asgard-feed"
FORMATS = [*VALIDATORS, "cisco.txt.md5", "mmdb"]
LINES = [
    str(net)
    for net in sorted(
        networks(MIXED), key=lambda n: (n.version, n[0], n.prefixlen)
    )
]


class Feeds:
    """A server, an organisation, and a key of each kind."""

    def __init__(self, server, org="acme"):
        self.server = server
        self.writer = server.make_key("rules:write", org=org)
        self.key = server.make_key("feed:read", org=org)

    def block(self, ips, name="mixed"):
        made = self.server.ask(
            "POST", "/v1/access-rules", self.writer,
            body={"name": name, "block": {"ips": ips}},
        )  # fmt: skip
        assert made.status == 201, made.body
        return made.json["data"]["id"]

    def get(self, format, method="GET", **headers):
        query = "?confirm=bgp&max_entries=1000" if format in (
            "bird-flow", "exabgp") else ""  # fmt: skip
        return fetch(
            self.url(format) + query, method,
            {"Authorization": f"Bearer {self.key}", **headers},
        )

    def url(self, format):
        return f"{self.server.url}/v1/threat/feeds/{format}"


@pytest.fixture(scope="module")
def feeds(asgard):
    made = Feeds(asgard)
    made.block([str(net) for net in networks(MIXED)])
    return made


@pytest.mark.parametrize("format", FORMATS)
def test_a_served_list_is_loaded(feeds, format, tmp_path):
    programs, validate = VALIDATORS.get(format, ([], None))
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    answer = feeds.get(format)
    assert answer.status == 200, answer.body
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    path = tmp_path / format
    path.write_bytes(answer.body)
    if format == "mmdb":
        pytest.importorskip("maxminddb", reason="maxminddb not installed")
        import maxminddb

        with maxminddb.open_database(str(path)) as reader:
            assert reader.get("25.1.2.3")["blocked"] is True
            assert reader.get("9.9.9.9") is None
    elif format == "cisco.txt.md5":
        grammar.cisco_md5(answer.body, feeds.get("cisco.txt").body)
    else:
        validate(path)


def test_the_plain_list_is_the_rule_in_order(feeds):
    answer = feeds.get("plain")
    assert answer.body.decode().splitlines() == LINES
    assert answer.headers["x-feed-entries"] == str(len(LINES))
    head = feeds.get("plain", "HEAD")
    assert head.headers["content-length"] == str(len(answer.body))
    assert head.headers["etag"] == answer.headers["etag"] and not head.body
    same = feeds.get("plain", **{"If-None-Match": answer.headers["etag"]})
    assert same.status == 304 and not same.body


def test_an_unknown_format_and_an_unconfirmed_one_are_refused(feeds):
    for format, status in [("nftables", 404), ("exabgp?max_entries=5", 422),
                           ("plain?maxentries=5", 422)]:  # fmt: skip
        answer = feeds.get(format)
        assert answer.status == status, (format, answer.body)
        assert answer.json["success"] is False
        # No error ever holds what a firewall would take for a line.
        for line in answer.body.decode().splitlines():
            with pytest.raises(grammar.Refused):
                grammar.entry(line.strip())


def test_a_packet_filter_drops_what_the_server_lists(feeds, tmp_path):
    for program in ["nft", "unshare"]:
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    path = tmp_path / "nft"
    path.write_bytes(feeds.get("nft").body)
    hooks = """nft -f - <<'END'
add chain inet asgard input { type filter hook input priority 0; }
add rule inet asgard input ip saddr @block4 drop
add rule inet asgard input ip6 saddr @block6 drop
END"""
    probes = ["1.10.31.255", "2a12:4940::2", "9.9.9.9", "2620:fe::9"]
    found = real.dropped('nft -f "$1"', hooks, path, probes)
    assert found == set(probes[:2])


def test_the_fetcher_follows_the_server(feeds, tmp_path):
    config, file = tmp_path / "feed.conf", tmp_path / "list"
    config.write_text(
        f"ASGARD_URL={feeds.server.url}\nASGARD_KEY={feeds.key}\n"
    )

    def run():
        done = subprocess.run(
            [FETCHER, "plain?origin=ip", file],
            env={**os.environ, "ASGARD_FEED_CONF": str(config)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return file.read_text().splitlines(), file.stat().st_ino

    lines, number = run()
    assert lines == LINES
    assert run() == (lines, number), "replaced without need"
    rule = feeds.block(["77.91.68.0/24"], "one more")
    try:
        assert "77.91.68.0/24" in run()[0]
    finally:
        gone = feeds.server.ask(
            "DELETE", f"/v1/access-rules/{rule}", feeds.writer)
        assert gone.status in (200, 204), gone.body
    assert run()[0] == LINES


def test_firewalls_keep_their_list_when_the_server_goes(binary, outside):
    """Polled, stopped: nobody opens. And what each loads is the whole rule."""
    with Asgard(binary, "--rate-limit", "0", *outside) as server:
        feeds = Feeds(server)
        feeds.block([str(net) for net in networks(MIXED)])
        devices = [
            PanOs(feeds.url("panos.txt"), feeds.key),
            FortiGate(feeds.url("fortigate.txt"), feeds.key),
            Cisco(feeds.url("cisco.txt"), feeds.key,
                  feeds.url("cisco.txt.md5")),
            Juniper(feeds.url("juniper.txt"), feeds.key),
            Sophos(feeds.url("sophos.txt"), feeds.key),
        ]  # fmt: skip
        for device in devices:
            device.poll()
            device.poll()
            assert not device.log, (device, device.log)
        *prefixes, hosts = devices
        assert {len(device.enforced) for device in prefixes} == {len(MIXED)}
        assert len(hosts.enforced) > 256
        assert devices[2].downloads == devices[3].downloads == 1
        before = [device.enforced for device in devices]
    for device in devices:
        device.poll()
    assert [device.enforced for device in devices] == before


def test_a_profile_puts_ranges_and_the_worst_first(feeds):
    body = feeds.get("panos.txt?profile=pan-50k").body.decode()
    lines = [line.split(" ")[0] for line in body.splitlines()]
    assert "62.0.0.0-62.191.255.255" in lines
    assert not any(re.fullmatch(r"25\.1\..*", line) for line in lines)
    answer = feeds.get("plain?max_entries=5&overflow=truncate")
    assert len(answer.body.splitlines()) == 5
    assert answer.headers["x-feed-truncated"]
    refused = feeds.get("plain?max_entries=5")
    assert refused.status == 422
    assert json.loads(refused.body)["success"] is False


def test_every_list_that_a_page_names_is_served(feeds):
    """Formats, parameters and profiles in docs/feeds exist."""
    named = set()
    for page in FETCHER.parent.glob("*.md"):
        text = page.read_text()
        named |= set(re.findall(r"/v1/threat/feeds/([\w.?=&,-]+)", text))
        named |= set(re.findall(r"asgard-feed '?([a-z][\w.?=&,-]+)'? /", text))
        named |= set(re.findall(r"`…/([\w.-]+\?[\w=&,]+)`", text))
    # Other resources below the same path, and placeholders.
    named = {name.rstrip(".,") for name in named}
    others = {"manifest", "manifest.minisig", "manifest.sig", "key", "diff",
              "versions", "preview", "rollback", "publish", "release"}
    named = {name for name in named if name.split("?")[0] not in others
             and not name.endswith("=N")}  # fmt: skip
    assert len(named) > 30, sorted(named)
    for name in sorted(named):
        answer = fetch(feeds.url(name), headers={
            "Authorization": f"Bearer {feeds.key}"})  # fmt: skip
        wants = "confirm=bgp" in answer.body.decode(errors="replace")
        assert answer.status == 200 or wants, (name, answer.body[:300])
