"""CrowdSec's firewall bouncer against our stream of decisions, in a network
namespace of its own.

    bouncer_checks.py nftables|iptables ORIGIN ASGARD-BINARY

Proves what test_feed_crowdsec.py says; that file starts this one with
`unshare`. Prints what it saw.
"""

import pathlib
import subprocess
import sys
import tempfile

from agent_checks import organisation, signal_events
from agent_world import FREE, LISTED, Neighbour, eventually, sh
from asgard_server import Asgard

CONFIG = """mode: {mode}
pid_dir: {dir}
log_dir: {dir}
log_mode: stdout
log_level: debug
daemonize: false
update_frequency: 1s
api_url: {url}/
api_key: {key}
origins: [{origin}]
disable_ipv6: false
deny_action: DROP
deny_log: false
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
ipset_type: nethash
iptables_chains: [INPUT]
nftables:
  ipv4: {{enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}}
  ipv6: {{enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}}
prometheus: {{enabled: false}}
"""


def main(mode, origin, binary):
    sh("ip", "link", "set", "lo", "up")
    # Small enough to be sent as hosts.
    ranges = ["203.0.113.0/24", "2001:db8:bad::/120"]
    hosts = ["198.51.100.9"]
    with (
        tempfile.TemporaryDirectory() as home,
        Neighbour() as neighbour,
        Asgard(binary) as server,
    ):
        writer, key = organisation(server)
        signal_events(server, writer, "block", [*ranges, *hosts])
        config = pathlib.Path(home) / "bouncer.yaml"
        config.write_text(CONFIG.format(
            mode=mode, dir=home, url=server.url, key=key, origin=origin,
        ))  # fmt: skip
        log = pathlib.Path(home) / "log"
        with log.open("wb") as said:
            bouncer = subprocess.Popen(
                ["crowdsec-firewall-bouncer", "-c", config],
                stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            check(server, writer, neighbour, hosts[0], origin, mode)
        except AssertionError:
            print(log.read_text()[-3000:])
            raise
        finally:
            bouncer.terminate()
            bouncer.wait(20)
    print("--- held")


def check(server, writer, neighbour, host, origin, mode):
    blocked = lambda: {*LISTED, *FREE} - neighbour.passing()  # noqa: E731
    eventually(lambda: host in blocked())
    found = blocked()
    if origin == "asgard-hosts":
        eventually(lambda: blocked() == {host, *LISTED})
    elif mode == "nftables":
        # Bouncers of today would block LISTED; Debian 12's keeps the first
        # address of a range. What is asserted is what the page says.
        assert found == {host}, found
    print(f"of {[host, *LISTED]}, {sorted(found)} were dropped")
    signal_events(server, writer, "unblock", [host])
    eventually(lambda: host not in blocked())
    if origin == "asgard-hosts":
        # A host that a range covers as well goes on being blocked when a rule
        # of its own ends.
        rule = {"name": "own", "block": {"ips": [LISTED[0], host]}}
        made = server.ask("POST", "/v1/access-rules", writer, body=rule)
        assert made.status == 201, made.body
        eventually(lambda: host in blocked())
        path = f"/v1/access-rules/{made.json['data']['id']}"
        assert server.ask("DELETE", path, writer).status in (200, 204)
        eventually(lambda: host not in blocked())
        assert blocked() == set(LISTED)


main(*sys.argv[1:])
