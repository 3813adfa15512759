"""Proves that the snippets of the published documentation work as they stand.

The texts are in snippets/, copied letter by letter (only the indentation of
Python and YAML, which the pages had lost, is restored, and a first line
added that is taken off again). At run time the host, the key and the paths
outside the tree are replaced; nothing else.
"""

import json
import os
import pathlib
import re
import select
import subprocess
import sys
import time

from prometheus_client.parser import text_string_to_metric_families

from asgard_server import fetch
from stub_servers import Splunk

SNIPPETS = pathlib.Path(__file__).parent / "snippets"
KEYS = ["your-api-key", "YOUR_KEY", "your-key"]
HOSTS = ["your-asn-api-host:80", "your-asn-api-host", "localhost:80"]
EXAMPLE = 64496


def snippet(name, asgard, **replaced):
    """The text of a snippet, for this server."""
    text = (SNIPPETS / name).read_text().split("\n", 1)[1]
    for key in KEYS:
        text = text.replace(key, asgard.admin)
    for host in HOSTS:
        text = text.replace(host, asgard.host)
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    return text


def shell(text, asgard, path=None):
    environment = {**os.environ, "API_KEY": asgard.admin}
    if path:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def curl(name, asgard):
    return json.loads(shell(snippet(name, asgard), asgard))


def python(text):
    ended = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", text],
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


class Consumer:
    """A snippet that runs until it is ended; its lines as they come."""

    def __init__(self, command, **more):
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def read_until(self, pattern, seconds):
        """Whether a pattern was printed within so many seconds."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            if left <= 0:
                return False
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            chunk = (
                os.read(self.process.stdout.fileno(), 65536) if ready else b""
            )
            if ready and not chunk:
                return False
            self.text += chunk.decode()
        return True

    def sees(self, pattern, cause, seconds=20):
        """Causes events until the consumer, who connects whenever it likes,
        has printed one of them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            cause()
            if self.read_until(pattern, 1):
                return
            if self.process.poll() is not None:
                break
        raise AssertionError(f"no {pattern!r} in:\n{self.text}")


def consumer(text):
    return Consumer([sys.executable, "-u", "-X", "utf8", "-c", text])


def up_and_down(asgard):
    """A rise to 100 and the fall back to CRITICAL."""

    def cause():
        asgard.trust(EXAMPLE)
        asgard.distrust(EXAMPLE)

    return cause


def test_the_profile_request_answers_all_fields_of_its_example(asgard):
    profile = curl("curl-profile.sh", asgard)
    assert (profile["asn"], profile["name"]) == (15169, "GOOGLE")
    assert (profile["country_code"], profile["registry"]) == ("US", "ARIN")
    assert {
        "risk_score", "risk_level", "rank_percentile", "downstream_score",
        "last_updated", "breakdown", "signals", "details",
    } <= set(profile)  # fmt: skip
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"
    assert re.fullmatch(moment, profile["last_updated"])
    assert set(profile["breakdown"]) == {"hygiene", "threat", "stability"}
    named = {
        "hygiene": "rpki_invalid_percent rpki_unknown_percent has_route_leaks "
        "has_bogon_ads is_stub_but_transit prefix_granularity_score",
        "threats": "spamhaus_listed spam_emission_rate botnet_c2_count "
        "phishing_hosting_count malware_distribution_count",
        "metadata": "has_peeringdb_profile upstream_tier1_count "
        "is_whois_private",
        "forensics": "ddos_blackhole_count excessive_prepending_count",
    }
    for group, names in named.items():
        assert set(names.split()) <= set(profile["signals"][group])


def test_the_upstreams_request_answers_all_fields_of_its_example(asgard):
    view = curl("curl-upstreams.sh", asgard)
    assert view["asn"] == 3333
    assert {"risk_score", "avg_upstream_score", "upstreams"} <= set(view)
    assert view["upstreams"], "the demo gives AS3333 providers"
    for upstream in view["upstreams"]:
        assert {"asn", "name", "score", "risk_level",
                "connection_count"} <= set(upstream)  # fmt: skip


def test_the_history_request_answers_a_page_of_points(asgard):
    view = curl("curl-history.sh", asgard)
    assert (view["asn"], view["offset"], view["limit"]) == (15169, 0, 50)
    assert view["total"] >= 1 and view["data"]
    for point in view["data"]:
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", point["timestamp"]
        )
        assert 0 <= point["score"] <= 100


def test_the_bulk_request_answers_in_its_order(asgard):
    view = curl("curl-bulk.sh", asgard)
    assert view["total"] == 3
    assert [r["asn"] for r in view["results"]] == [15169, 13335, 8075]
    for result in view["results"]:
        assert {"asn", "score", "level", "name"} <= set(result)


def test_the_whitelist_request_answers_its_very_sentence(asgard):
    assert curl("curl-whitelist.sh", asgard) == {
        "status": "success",
        "message": "ASN 64512 added to whitelist.",
    }
    assert asgard.get("/v1/asn/64512").json["risk_score"] == 100


def test_the_health_request_needs_no_key(asgard):
    health = curl("curl-health.sh", asgard)
    assert health["status"] == "healthy"
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", health["timestamp"]
    )
    assert set(health["dependencies"].values()) == {"up"}


def test_the_compare_request_answers_all_fields_of_its_example(asgard):
    view = curl("curl-compare.sh", asgard)
    side = {"asn", "name", "country_code", "total_score", "risk_level",
            "hygiene_score", "threat_score", "stability_score"}  # fmt: skip
    assert side <= set(view["asn_a"]) and side <= set(view["asn_b"])
    assert set(view["comparison"]) >= {
        "safer_overall", "score_diff", "better_hygiene",
        "better_threat_profile", "more_stable",
    }  # fmt: skip


def test_the_domain_risk_request_answers_all_fields_of_its_example(asgard):
    view = curl("curl-domain-risk.sh", asgard)
    assert view["domain"] == "malicious-site.example"
    assert (view["resolved_ip"], view["asn"]) == ("8.8.8.8", 15169)
    assert {"asn", "name", "country_code", "total_score", "risk_level",
            "hygiene_score", "threat_score",
            "stability_score"} <= set(view["infrastructure_risk"])  # fmt: skip


def test_the_peeringdb_request_answers_its_example(asgard):
    view = curl("curl-peeringdb.sh", asgard)
    assert (view["asn"], view["found"]) == (15169, True)
    data = view["peeringdb_data"]
    assert (data["name"], data["type"]) == ("Google LLC", "Content")
    assert {"website", "ix_count", "fac_count", "peering_policy"} <= set(data)


def test_peeringdb_is_asked_once_for_who_is_in_no_copy_of_it(asgard, peeringdb):
    for _ in range(3):
        found = asgard.get("/api/v1/asn/64512/peeringdb").json
        assert found == {
            "asn": 64512,
            "found": True,
            "peeringdb_data": {
                "name": "Example Internal", "type": "Enterprise",
                "website": "https://www.example.com", "ix_count": 42,
                "fac_count": 18, "peering_policy": "Open",
            },
        }  # fmt: skip
        none = asgard.get("/api/v1/asn/64513/peeringdb").json
        assert none == {"asn": 64513, "found": False, "peeringdb_data": None}
    assert peeringdb.asked == [["64512"], ["64513"]]


def test_the_three_edl_requests_answer_lists_of_as_numbers(asgard):
    lines = shell(snippet("curl-edl.sh", asgard), asgard).splitlines()
    assert lines and all(re.fullmatch(r"AS[0-9]+", line) for line in lines)
    sizes = [
        len(fetch(f"{asgard.url}/api/feeds/edl?max_score={n}").body.split())
        for n in (49, 50, 89)
    ]
    assert sizes == sorted(sizes) and sum(sizes) == len(lines)


def test_the_polling_script_fills_an_ipset(asgard, tmp_path):
    fakes = tmp_path / "bin"
    fakes.mkdir()
    calls = tmp_path / "calls"
    (fakes / "ipset").write_text(f'#!/bin/sh\necho "ipset $*" >>{calls}\n')
    (fakes / "whois").write_text(
        f'#!/bin/sh\necho "whois $*" >>{calls}\n'
        "printf 'route:          192.0.2.0/24\\norigin: X\\n'\n"
    )
    for fake in fakes.iterdir():
        fake.chmod(0o755)
    text = snippet(
        "guide-polling.sh", asgard, folder=("/etc/firewall", str(tmp_path))
    )
    shell(text, asgard, path=fakes)
    made = calls.read_text().splitlines()
    worst = asgard.worst()
    assert made[0] == "ipset flush asn-blocklist"
    assert made.count("ipset add asn-blocklist 192.0.2.0/24") == len(worst) > 0
    asked = [f"whois -h whois.radb.net -- -i origin AS{asn}" for asn in worst]
    assert [line for line in made if line.startswith("whois")] == asked


def test_the_triage_line_prints_the_five_fields_of_its_example(asgard, need):
    need("jq")
    view = curl("guide-domain-risk.sh", asgard)
    assert list(view) == ["domain", "resolved_ip", "asn", "risk", "score"]
    assert view["domain"] == "suspicious.example.com"
    assert None not in view.values()


def test_the_batch_enrichment_tells_known_domains_from_unknown_ones(asgard):
    lines = python(snippet("guide-batch.py", asgard)).splitlines()
    assert len(lines) == 3
    assert re.search(r"^phishing-kit.example.com +ERROR: 400$", lines[0])
    assert re.search(r"^c2-server.example.net +ERROR: 400$", lines[1])
    assert re.search(
        r"^legit-site.com +8.8.8.8 +AS15169 LOW \(\d+\)$", lines[2]
    )


def test_the_vendor_comparison_prints_the_comparison_alone(asgard, need):
    need("jq")
    assert "safer_overall" in curl("guide-compare.sh", asgard)


def test_the_routing_helper_names_the_safer_network_or_none(asgard):
    text = snippet("guide-routing.py", asgard)
    base = f"{asgard.url}/api"
    for a, b, expected in [(15169, EXAMPLE, 15169), (15169, 15169, None)]:
        call = f"print(should_prefer({a}, {b}, {asgard.key!r}, {base!r}))"
        assert python(f"{text}\n{call}").strip() == str(expected)


def test_the_reference_python_consumer_prints_changes(asgard):
    with consumer(snippet("reference-stream.py", asgard)) as running:
        running.sees(
            rf"AS{EXAMPLE}: 100 → \d+ \(CRITICAL\)", up_and_down(asgard)
        )
        assert f"AS{EXAMPLE}: " in running.text


def test_the_reference_javascript_consumer_prints_changes_and_the_close(
    asgard, node_modules, tmp_path
):
    text = snippet("reference-stream.js", asgard)
    program = tmp_path / "stream.mjs"
    # `WebSocket` is a global in browsers; Node 20 has the package `ws`.
    ws = (node_modules / "ws" / "wrapper.mjs").as_uri()
    head = f"import W from '{ws}';\nglobalThis.WebSocket = W;\n"
    program.write_text(head + text)
    with Consumer(["node", str(program)]) as running:
        running.sees(
            rf"AS{EXAMPLE}: 100 → \d+ \(CRITICAL\)", up_and_down(asgard)
        )
    program.write_text(head + text.replace(asgard.admin, "not-a-key"))
    with Consumer(["node", str(program)]) as running:
        assert running.read_until(r"Closed: code=1008\.", 20), running.text


def test_the_guide_consumer_alerts_and_reconnects(asgard):
    text = snippet("guide-stream.py", asgard)
    with consumer(text) as running:
        alert = rf"AS{EXAMPLE} score dropped 100 → \d+: now CRITICAL"
        running.sees(r"\[ALERT\] " + alert, up_and_down(asgard))
        assert running.text.startswith("Connected to score stream")
    with consumer(text.replace(asgard.admin, "not-a-key")) as running:
        closed = r"Connection closed \(1008\)\. Reconnecting in 1\.0s…"
        again = closed + r"(?s:.*)Connected"
        assert running.read_until(again, 20), running.text


def test_the_splunk_forwarder_delivers_events(asgard, tmp_path, need):
    need("openssl")
    with Splunk(tmp_path) as splunk:
        text = snippet(
            "guide-splunk.py", asgard,
            stub=("splunk.example.com:8088", splunk.host),
        )  # fmt: skip
        cause = up_and_down(asgard)
        with consumer(text) as running:
            end = time.monotonic() + 20
            while not splunk.events and time.monotonic() < end:
                cause()
                time.sleep(0.5)
            assert splunk.events, running.text
    path, authorization, payload = splunk.events[0]
    assert path == "/services/collector"
    assert authorization == "Splunk your-hec-token"
    assert payload["sourcetype"] == "asn:score_update"
    event = payload["event"]
    assert event["asn"] == EXAMPLE
    assert {"score", "previous_score", "risk_level", "timestamp"} <= set(event)
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(moment, event["timestamp"])


def test_the_scrape_configuration_is_valid_and_finds_the_metrics(
    asgard, need, tmp_path
):
    need("promtool")
    text = snippet("guide-prometheus.yml", asgard)
    config = tmp_path / "prometheus.yml"
    config.write_text(text)
    checked = subprocess.run(
        ["promtool", "check", "config", str(config)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    target = re.search(r"targets: \['(.+)'\]", text)[1]
    path = re.search(r"metrics_path: (\S+)", text)[1]
    scraped = fetch(f"http://{target}{path}")
    assert scraped.status == 200
    families = text_string_to_metric_families(scraped.body.decode())
    assert {family.name for family in families} >= {
        "asn_api_requests",
        "asn_api_request_duration_seconds",
        "asn_api_cache_hits",
        "asn_api_active_websocket_connections",
        "asn_api_rate_limit_hits",
    }
