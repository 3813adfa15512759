"""Proves that CrowdSec's own bouncers, as Debian packages them, block what the
feed of an organisation names, and open what leaves it.

The real crowdsec-custom-bouncer calls a script for every decision; the real
crowdsec-firewall-bouncer fills sets in a network namespace, and packets are
dropped by them.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from agent_checks import organisation, signal_events
from asgard_server import Asgard

HERE = pathlib.Path(__file__).parent

CUSTOM = """bin_path: {script}
feed_via_stdin: false
piddir: {dir}
log_dir: {dir}
log_mode: stdout
log_level: info
daemonize: false
update_frequency: 1s
cache_retention_duration: 1s
api_url: {url}/
api_key: {key}
prometheus: {{enabled: false}}
"""


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what()}")


class CustomBouncer:
    """Remembers every decision that its script is called for."""

    def __init__(self, directory, url, key):
        self.calls = directory / "calls"
        self.calls.touch()
        script = directory / "script"
        script.write_text(f'#!/bin/sh\necho "$1 $2 $3" >>"{self.calls}"\n')
        script.chmod(0o755)
        self.config = directory / "bouncer.yaml"
        self.config.write_text(
            CUSTOM.format(script=script, dir=directory, url=url, key=key)
        )
        self.log = directory / "log"

    def __enter__(self):
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                ["crowdsec-custom-bouncer", "-c", self.config],
                stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)

    def seen(self):
        return [line.split() for line in self.calls.read_text().splitlines()]

    def wait(self, action, values):
        wanted = set(values)
        wait_for(
            lambda: wanted <= {c[1] for c in self.seen() if c[0] == action},
            lambda: (self.seen(), self.log.read_text()[-1500:]),
        )


@pytest.fixture
def server(binary):
    with Asgard(binary) as running:
        yield running


def test_the_custom_bouncer_is_told_what_comes_and_goes(
    server, tmp_path, need
):
    need("crowdsec-custom-bouncer")
    writer, key = organisation(server)
    first = ["203.0.113.0/24", "198.51.100.7", "2001:db8:bad::/48"]
    signal_events(server, writer, "block", first)
    with CustomBouncer(tmp_path, server.url, key) as bouncer:
        bouncer.wait("add", first)
        assert len(bouncer.seen()) == 3, bouncer.seen()
        seconds = [int(call[2]) for call in bouncer.seen()]
        assert all(86_000 < each <= 86_400 for each in seconds), seconds
        signal_events(server, writer, "unblock", first[1:2])
        bouncer.wait("del", first[1:2])
        signal_events(server, writer, "block", ["198.51.100.8"])
        bouncer.wait("add", ["198.51.100.8"])
        # Nothing is told twice.
        time.sleep(2)
        assert len(bouncer.seen()) == 5, bouncer.seen()


def test_a_rule_that_ends_ends_at_the_bouncer(server, tmp_path, need):
    need("crowdsec-custom-bouncer")
    writer, key = organisation(server)
    made = server.ask("POST", "/v1/signal", writer, body=[
        {"type": "access_rules", "action": "block", "ip": "198.51.100.7",
         "expiration": 3},
    ])  # fmt: skip
    assert made.json["success"], made.body
    with CustomBouncer(tmp_path, server.url, key) as bouncer:
        bouncer.wait("add", ["198.51.100.7"])
        assert int(bouncer.seen()[0][2]) <= 3
        bouncer.wait("del", ["198.51.100.7"])


def test_a_restart_of_the_bouncer_brings_everything_again(
    server, tmp_path, need
):
    need("crowdsec-custom-bouncer")
    writer, key = organisation(server)
    signal_events(server, writer, "block", ["198.51.100.7"])
    with CustomBouncer(tmp_path, server.url, key) as bouncer:
        bouncer.wait("add", ["198.51.100.7"])
    bouncer.calls.write_text("")
    with bouncer:
        bouncer.wait("add", ["198.51.100.7"])


def test_a_bad_key_is_told_as_bouncers_expect(server, tmp_path, need):
    need("crowdsec-custom-bouncer")
    with CustomBouncer(tmp_path, server.url, "nonsense") as bouncer:
        # It reads the `message` of any error, and panics if there is none.
        wait_for(
            lambda: "access forbidden" in bouncer.log.read_text(),
            lambda: bouncer.log.read_text()[-1500:],
        )
        assert bouncer.seen() == []
        assert "panic" not in bouncer.log.read_text()


@pytest.mark.parametrize(
    ("mode", "origin"),
    [("nftables", "asgard"), ("nftables", "asgard-hosts"),
     ("iptables", "asgard"), ("iptables", "asgard-hosts")],
)  # fmt: skip
def test_the_firewall_bouncer_drops_packets(
    mode, origin, binary, need, record_property
):
    for program in ["crowdsec-firewall-bouncer", "unshare", "nsenter", "ip",
                    *(["nft"] if mode == "nftables" else
                      ["iptables", "ipset"])]:  # fmt: skip
        need(program)
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--net", *user, sys.executable, HERE / "bouncer_checks.py",
         mode, origin, binary],
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("no network namespaces here")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    told, held, _ = done.stdout.partition("--- held")
    assert held
    record_property("seen", told.strip())
