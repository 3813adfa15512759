"""Proves that every feed format is loaded by what reads it.

Real programs where Debian has one, strict grammars where the reader is an
appliance. Each format is tried with 30 mixed lines (with comments and
without), 100,000 lines and none; each validator must also refuse lists that
were spoilt on purpose, or it would prove nothing.
"""

import ipaddress
import re
import shutil
import subprocess

import pytest

import feed_grammars as grammar
import feed_tools as real
from feed_grammars import Refused
from feed_lists import MIXED, Renderer, aggregated, large, lines_of

CASES = ["mixed", "commented", "large", "empty"]


def text(check):
    """A validator of paths from a grammar of bytes."""
    return lambda path: check(path.read_bytes())


# Format: (programs that must be there, validator).
VALIDATORS = {
    "plain": ([], text(grammar.plain)),
    "panos": ([], text(grammar.panos)),
    "fortigate": ([], text(grammar.fortigate)),
    "sophos": ([], text(grammar.sophos)),
    "cisco": ([], text(grammar.cisco)),
    "checkpoint": ([], text(grammar.checkpoint)),
    "juniper": ([], text(grammar.juniper)),
    "juniper.tgz": (["tar"], real.juniper_tgz),
    "f5": ([], text(grammar.f5)),
    "mikrotik": ([], text(grammar.mikrotik)),
    "nft": (["nft", "unshare"], real.nft),
    "ipset": (["ipset", "unshare"], real.ipset),
    "iptables": (["iptables-restore", "unshare"], real.iptables),
    "ip6tables": (["ip6tables-restore", "unshare"], real.ip6tables),
    "haproxy.acl": (["haproxy"], real.haproxy_acl),
    "haproxy.map": (["haproxy"], real.haproxy_map),
    "nginx-geo": (["nginx"], real.nginx_geo),
    "nginx-deny": (["nginx"], real.nginx_deny),
    "squid": (["squid"], real.squid),
    "dnsdist": (["dnsdist"], real.dnsdist),
    "rpz": (["named", "named-checkzone", "dig", "unshare"], real.rpz),
    "unbound": (["unbound-checkconf"], real.unbound),
    "bind-acl": (["named-checkconf"], real.bind_acl),
    "bird": (["bird"], real.bird),
    "bird-blackhole": (["bird"], real.bird_protocols),
    "bird-flow": (["bird"], real.bird_protocols),
    "exabgp": (["exabgp"], real.exabgp),
    "frr": (["vtysh"], real.frr),
    "suricata.rules": ([], real.suricata),
    "suricata.iprep": ([], text(grammar.iprep)),
    "suricata.categories": ([], text(grammar.iprep_categories)),
    "snort.blf": ([], text(grammar.snort_blf)),
    "zeek.intel": ([], text(grammar.zeek)),
    "cloudflare": ([], text(grammar.cloudflare)),
    "cloudflare-asn": ([], text(grammar.cloudflare_asn)),
    "aws-waf": ([], text(grammar.aws_waf)),
    "stix": ([], real.stix),
    "drop.jsonl": ([], text(grammar.drop_jsonl)),
    "json": ([], text(grammar.json_records)),
    "csv": ([], text(grammar.csv_records)),
    "jsonl": ([], text(grammar.jsonl)),
}


@pytest.fixture(scope="module")
def render(request):
    binary = request.config.getoption("--render")
    if not binary:
        pytest.skip("no --render, the example `render` of crates/policy")
    return Renderer(binary)


def installed(format):
    for program in VALIDATORS[format][0]:
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    return VALIDATORS[format][1]


@pytest.mark.parametrize("format", VALIDATORS)
def test_loads(render, format):
    """The mixed list, with comments too, the large one, and the empty one."""
    validate = installed(format)
    for case in CASES:
        validate(render(format, case))


# Format: what to do to a good text so that the reader must refuse it.
def swapped(old, new, count=1):
    def spoil(body):
        assert re.search(old, body, re.MULTILINE), f"no {old}"
        return re.sub(old, new, body, count=count, flags=re.MULTILINE)

    return spoil


SPOILT = {
    "plain": [swapped("^5.188.86.7/32$", "5.188.86.7"),
              swapped("^1.10.16.0/20$", "1.10.16.1/20"),
              swapped(r"\Z", "\n"), swapped("^1.10", "AS174\n1.10")],
    "panos": [swapped("^1.10.16.0/20", "AS174")],
    "fortigate": [swapped("^1.10.16.0/20$", "http://1.10.16.0/")],
    "sophos": [swapped("^5.188.86.7$", "5.188.86.7/32"),
               swapped("^5.188.86.7$", "# five")],
    "cisco": [swapped("^1.10.16.0/20$", "1.10.16.0-1.10.31.255")],
    "checkpoint": [swapped("high,high", ",high"),
                   swapped("1.10.16.0-1.10.31.255", "1.10.16.0/20"),
                   swapped("^asgard2,", "asgard1,")],
    "juniper": [swapped("^1.10.16.0/20$", "1.10.16.0/20 AS174")],
    "f5": [swapped("^network 1.10.16.0/20,$", "network 1.10.16.0/20")],
    "mikrotik": [swapped("^(:do .*address=)1.10.16.0/20", r"\g<1>2a00::/16"),
                 swapped("^(remove .find list=.asgardNew.)$",
                         "remove [find list=$asgardOld]")],
    "nft": [swapped(" auto-merge;", "", 2), swapped("^1.10.16.0/20", "AS174"),
            swapped("^1.10.16.0/20", "2a00::/16")],
    "ipset": [swapped("1.10.16.0/20", "0.0.0.0/0"),
              swapped("1.10.16.0/20", "2a00::/16")],
    "iptables": [swapped("1.10.16.0/20", "2a00::/16"), swapped("COMMIT", "")],
    "ip6tables": [swapped("2602:feb4:e0::/48", "1.10.16.0/20")],
    "haproxy.acl": [swapped("^1.10.16.0/20$", "AS64496")],
    "haproxy.map": [swapped("^1.10.16.0/20 ", "AS64496 ")],
    "nginx-geo": [swapped("^1.10.16.0/20", "1.10.16.1/20"),
                  swapped("^1.10.16.0/20 1;$", "5.188.86.7/32 1;")],
    "nginx-deny": [swapped("1.10.16.0/20", "1.10.16.1/20"),
                   swapped("1.10.16.0/20", "AS174")],
    "squid": [swapped("^1.10.16.0/20$", "AS174"),
              swapped("^1.10.16.0/20$", "1.10.16.1/20"),
              swapped("^1.10.16.0/20$", "1.10.16.0/20\n1.10.0.0/16")],
    "dnsdist": [swapped("1.10.16.0/20", "AS174"), swapped("^end.*$", "")],
    "rpz": [swapped("^20.0.16.10.1.rpz", "20.1.16.10.1.rpz"),
            swapped("^48.zz.e0", "48.1.zz.e0"), swapped("CNAME .", "CNAME")],
    "unbound": [swapped("1.10.16.0/20", "AS174"), swapped("deny", "drop")],
    "bind-acl": [swapped("1.10.16.0/20", "1.10.16.1/20"),
                 swapped("1.10.16.0/20;", "1.10.16.0/20")],
    "bird": [swapped(r"1.10.16.0/20\+", "1.10.16.1/20+"),
             swapped(r"1.10.16.0/20\+", "2a00::/16+"),
             swapped("AS = . 174,", "AS = [ AS174,")],
    "bird-blackhole": [swapped("1.10.16.0/20", "1.10.16.1/20")],
    "bird-flow": [swapped("1.10.16.0/20", "2a00::/16")],
    "exabgp": [swapped("source 1.10.16.0/20;", "source AS174;"),
               swapped("discard;", "discar;")],
    "frr": [swapped("permit 1.10.16.0/20", "permit 1.10.16.1/20"),
            swapped("permit 1.10.16.0/20", "permit 2a00::/16"),
            swapped("20 le 32", "20 le 33")],
    "suricata.rules": [swapped("sid:9000002", "sid:9000001"),
                       swapped(r"^drop ip \[", "drop ip [AS174,"),
                       swapped(";\\)$", "")],
    "suricata.iprep": [swapped(",5,", ",60,"), swapped(",100$", ",128")],
    "suricata.categories": [swapped("^1,", "99,")],
    "snort.blf": [swapped("^1.10.16.0/20$", "var X [1.10.16.0/20]")],
    "zeek.intel": [swapped("\tIntel::SUBNET\t", " Intel::SUBNET "),
                   swapped("\tAS174$", "\t")],
    "cloudflare": [swapped("1.10.16.0/20", "AS174"), swapped("{", '{"asn":1,')],
    "cloudflare-asn": [swapped("174", '"AS174"')],
    "aws-waf": [swapped('"1.10.16.0/20"', '"2a00::/16"'),
                swapped('"1.10.16.0/20"', '"0.0.0.0/0"')],
    "stix": [swapped("ISSUBSET '1.10.16.0/20'", "ISSUBSET 1.10.16.0/20"),
             swapped("indicator--[0-9a-f]{8}", "indicator--x"),
             swapped('"pattern_type":"stix",', "")],
    "drop.jsonl": [swapped('"records":30', '"records":31')],
    "json": [swapped('"origin":"asn"', '"origin":"as"')],
    "csv": [swapped("^1.10.16.0/20,asn,,", "1.10.16.0/20,asn,=1+1,"),
            swapped("^1.10.16.0/20,asn,", "1.10.16.0/20,asn")],
    "jsonl": [swapped(r"\}$", "")],
}  # fmt: skip


@pytest.mark.parametrize("format", SPOILT)
def test_spoilt_lists_are_noticed(render, format, tmp_path):
    validate = installed(format)
    good = render(format, "mixed").read_text()
    for number, spoil in enumerate(SPOILT[format]):
        path = tmp_path / f"{number}-{format}"
        path.write_text(spoil(good))
        try:
            validate(path)
        except (Refused, ValueError, KeyError, TypeError, AttributeError):
            continue
        except Exception as error:  # The libraries of STIX have their own.
            assert "stix2" in type(error).__module__, error
            continue
        pytest.fail(f"the {number + 1}. spoilt list was accepted")


def test_every_format_has_a_validator_and_a_spoilt_list(render, tmp_path):
    special = {"cisco.txt.md5", "mmdb"}  # Below.
    subprocess.run(
        [render.binary, "--all", tmp_path, "--confirm", "--max", "9"],
        input=b"1.10.16.0/20\n", check=True, timeout=60,
    )  # fmt: skip
    names = {path.name for path in tmp_path.iterdir()}
    assert names == set(VALIDATORS) | special
    assert set(SPOILT) == set(VALIDATORS) - {"juniper.tgz"}


def test_ranges_are_read_by_who_reads_ranges(render, tmp_path):
    lines = ["1.10.16.0-1.10.40.255,asn,AS174", "2a00::5-2a00::9"]
    for format in ["panos", "fortigate", "checkpoint", "nft", "json", "csv"]:
        path = tmp_path / format
        try:
            path.write_bytes(render.text(format, lines))
        except AssertionError as error:
            assert format in ("json", "csv") and "ranges" in str(error)
            continue
        if format == "nft":
            installed("nft")
            said = real.in_namespace('nft -f "$1"; nft list ruleset', path)
            assert "1.10.16.0-1.10.40.255" in said
        else:
            VALIDATORS[format][1](path)


def test_cisco_loads_the_list_of_the_digest(render):
    for case in CASES:
        digest = render("cisco.txt.md5", case).read_bytes()
        grammar.cisco_md5(digest, render("cisco", case).read_bytes())
    with pytest.raises(Refused):
        grammar.cisco_md5(digest, b"another\n")


def test_iprange_counts_the_addresses_of_the_plain_list(render):
    if not shutil.which("iprange"):
        pytest.skip("iprange not installed")
    for case in ["mixed", "large"]:
        body = render("plain", case).read_text()
        v4 = "".join(x + "\n" for x in body.splitlines() if ":" not in x)
        said = real.run("iprange", "-C", "-", stdin=v4.encode())
        nets = [ipaddress.ip_network(x) for x in aggregated(v4.split())]
        wanted = sum(net.num_addresses for net in nets)
        assert said.strip().split(",")[-1] == str(wanted)


def test_mmdb_answers_with_the_longest_prefix(render, tmp_path):
    pytest.importorskip("maxminddb", reason="maxminddb not installed")
    if not shutil.which("mmdblookup"):
        pytest.skip("mmdblookup not installed")
    for case in ["mixed", "large", "empty"]:
        real.mmdb(render("mmdb", case), lines_of("mmdb", case))
    cut = tmp_path / "cut.mmdb"
    cut.write_bytes(render("mmdb", "mixed").read_bytes()[:-60])
    with pytest.raises(Refused):
        real.mmdb(cut, MIXED)


# Blocked by a contained, a covering, a host and an adjacent line; and not.
BLOCKED = ["1.10.31.255", "25.1.2.3", "25.255.0.1", "5.188.86.7",
           "45.148.11.9", "2602:feb4:e0::7", "2a12:4940::2",
           "2a10:7:ffff::1"]  # fmt: skip
FREE = ["1.10.32.0", "24.255.255.255", "5.188.86.9", "9.9.9.9",
        "2602:feb4:e1::", "2a12:4940::3", "2620:fe::9"]  # fmt: skip

HOOKS = {
    "nft": (
        'nft -f "$1"; nft -f "$1"',
        """nft -f - <<'END'
add chain inet asgard input { type filter hook input priority 0; }
add rule inet asgard input ip saddr @block4 drop
add rule inet asgard input ip6 saddr @block6 drop
END""",
    ),
    "ipset": (
        'ipset restore -f "$1"; ipset restore -f "$1"',
        "iptables -A INPUT -m set --match-set asgard4 src -j DROP\n"
        "ip6tables -A INPUT -m set --match-set asgard6 src -j DROP",
    ),
    "iptables": (
        'iptables-restore --noflush "$1"; iptables-restore --noflush "$1"',
        "iptables -A INPUT -j ASGARD",
    ),
    "ip6tables": (
        'ip6tables-restore --noflush "$1"; ip6tables-restore --noflush "$1"',
        "ip6tables -A INPUT -j ASGARD",
    ),
}


@pytest.mark.parametrize("format", HOOKS)
def test_packets_are_dropped(render, format):
    """Loaded twice, in force: packets of blocked addresses do not arrive,
    those of their neighbours do."""
    installed(format)
    family = {"iptables": 4, "ip6tables": 6}.get(format)
    load, hooks = HOOKS[format]
    found = real.dropped(load, hooks, render(format, "mixed"), BLOCKED + FREE)
    wanted = {
        text
        for text in BLOCKED
        if family in (None, ipaddress.ip_address(text).version)
    }
    assert found == wanted


@pytest.mark.parametrize("format", ["nft", "ipset"])
def test_a_load_that_fails_leaves_the_old_list_in_force(render, format, tmp_path):
    """A body cut in the middle, as from a broken transfer."""
    installed(format)
    body = render(format, "mixed").read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(body[: body.index(b"62.0.0.0") + 3])
    load, hooks = HOOKS[format]
    command = "nft" if format == "nft" else "ipset restore"
    load += f'; if {command} -f "{cut}"; then exit 9; fi 2>/dev/null'
    found = real.dropped(load, hooks, render(format, "mixed"), BLOCKED + FREE)
    assert found == set(BLOCKED)


def test_a_list_that_grows_is_taken_over_by_ipset(render, tmp_path):
    """`create -exist` takes a set over only if its parameters are equal."""
    installed("ipset")
    said = real.in_namespace(
        'ipset restore -f "$1"; ipset restore -f "$2"; ipset restore -f "$1";'
        "ipset list -t",
        render("ipset", "mixed"), render("ipset", "large"),
    )  # fmt: skip
    assert re.findall(r"entries: (\d+)", said) == ["20", "10"]


def test_a_name_server_refuses_names_that_lead_into_the_list(render):
    installed("rpz")
    probes = [
        (f"p{n}", "AAAA" if ":" in address else "A", address)
        for n, address in enumerate(BLOCKED + FREE)
    ]
    status = real.rpz(render("rpz", "mixed"), probes)
    wanted = ["NXDOMAIN"] * len(BLOCKED) + ["NOERROR"] * len(FREE)
    assert [status[name] for name, _, _ in probes] == wanted

