"""Proves that firewalls which poll a list block what it says, whatever happens
to the server: simulators of PAN-OS, FortiGate, Cisco, Sophos and Juniper.
"""

import ipaddress

import pytest

from device_simulators import (
    Cisco, FortiGate, Juniper, PanOs, Sophos, blocks,
)  # fmt: skip
from feed_lists import MIXED, large, networks
from feed_server import KEY, FeedServer

BLOCKED = ["1.10.31.255", "25.255.0.1", "5.188.86.7", "193.32.162.157"]
BLOCKED_V6 = ["2602:feb4:e0::7", "2a12:4940::2"]
FREE = ["1.10.32.0", "9.9.9.9", "5.188.86.9", "2620:fe::9"]
FAULTS = [400, 404, 429, 500, 503]


@pytest.fixture
def server(request):
    binary = request.config.getoption("--render")
    if not binary:
        pytest.skip("no --render, the example `render` of crates/policy")
    with FeedServer(binary) as running:
        yield running


def feed(server, format):
    return f"{server.url}/v1/threat/feeds/{format}"


def make(kind, server, **options):
    format = {PanOs: "panos.txt", FortiGate: "fortigate.txt",
              Cisco: "cisco.txt", Sophos: "sophos.txt",
              Juniper: "juniper.txt"}[kind]  # fmt: skip
    if kind is Cisco:
        options.setdefault("digest_url", feed(server, "cisco.txt.md5"))
    return kind(feed(server, format), KEY, **options)


@pytest.mark.parametrize("kind", [PanOs, FortiGate, Cisco, Juniper])
def test_every_line_is_loaded_and_enforced(server, kind):
    device = make(kind, server)
    device.poll()
    assert len(device.enforced) == len(MIXED), device.log
    assert not device.log
    for address in BLOCKED + BLOCKED_V6:
        assert blocks(device.enforced, address), address
    for address in FREE:
        assert not blocks(device.enforced, address), address


def test_sophos_gets_addresses_that_it_reads(server):
    device = make(Sophos, server)
    device.poll()
    # Every IPv4 line up to 256 addresses, as hosts.
    small = [net for net in networks(MIXED)
             if net.version == 4 and net.prefixlen >= 24]  # fmt: skip
    assert len(device.enforced) == sum(net.num_addresses for net in small)
    assert not device.log
    assert blocks(device.enforced, "5.188.86.7")


def test_lines_of_as_numbers_load_nothing(server, monkeypatch):
    """Why these pages lead with prefixes."""
    monkeypatch.setattr(server, "body", lambda _: b"AS174\nAS57523\n")
    for kind in [PanOs, FortiGate, Cisco, Sophos]:
        device = make(kind, server)
        device.poll()
        assert device.enforced == []


def test_the_plain_feed_loads_nothing_on_sophos(server):
    device = Sophos(feed(server, "plain"), KEY)
    device.poll()
    assert device.enforced == []


@pytest.mark.parametrize("kind", [PanOs, FortiGate, Cisco, Sophos, Juniper])
def test_a_fault_of_the_server_leaves_the_list_in_force(server, kind):
    device = make(kind, server)
    device.poll()
    before = device.enforced
    assert before
    for fault in FAULTS:
        server.fault = fault
        device.poll()
        assert device.enforced == before, fault
    server.http.shutdown()
    server.http.server_close()
    device.poll()
    assert device.enforced == before


def test_a_refusal_opens_pan_os_and_nothing_else(server):
    """The reason why asgard answers 503 to its own faults, never 401."""
    for kind, stays in [(PanOs, False), (FortiGate, True), (Cisco, True)]:
        device = make(kind, server)
        server.fault = None
        device.poll()
        server.fault = 401
        device.poll()
        assert bool(device.enforced) == stays, kind


def test_one_line_of_an_error_page_replaces_a_list_on_cisco(server, monkeypatch):
    """The reason why no error of asgard holds an address."""
    device = make(Cisco, server)
    device.poll()
    server.fault = 503
    device.poll()
    assert len(device.enforced) == len(MIXED)
    server.fault = None
    monkeypatch.setattr(server, "body", lambda _: b"error at\n9.9.9.9\n")
    device.poll()
    assert len(device.enforced) == 1


def test_what_is_beyond_the_limit_is_skipped_so_the_worst_must_lead(server):
    server.lines = large()
    small = make(PanOs, server, limit=50_000)
    small.poll()
    assert len(small.enforced) == 50_000
    assert small.log == ["50000 entries skipped"]
    first = ipaddress.ip_network(large()[0].split(",")[0])
    assert small.enforced[0] == (first[0], first[-1])
    roomy = make(FortiGate, server)
    roomy.poll()
    assert len(roomy.enforced) == 100_000 and not roomy.log


def test_an_unchanged_list_is_not_downloaded_again(server):
    for kind in [Cisco, Juniper]:
        device = make(kind, server)
        for _ in range(3):
            device.poll()
        assert device.downloads == 1, kind
        server.lines = MIXED[:5]
        device.poll()
        assert device.downloads == 2 and len(device.enforced) == 5, kind
        server.lines = MIXED


def test_a_body_that_breaks_off_is_not_loaded(server):
    for kind in [PanOs, FortiGate, Cisco]:
        device = make(kind, server)
        device.poll()
        before = device.enforced
        server.fault = "cut"
        server.lines = MIXED[:9]
        device.poll()
        assert device.enforced == before, kind
        server.fault, server.lines = None, MIXED
