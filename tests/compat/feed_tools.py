"""Real readers of lists: the programs that load them, in check mode.

Proves nothing itself. Each function takes the path of a list and raises
`Refused` with what the program said. What needs a network gets a namespace of
its own (`unshare -rn`), which reaches nothing and nobody.
"""

import bisect
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile

from feed_grammars import Refused, juniper, network, require

PROBE = pathlib.Path(__file__).parent / "packet_probe.py"


def run(*command, stdin=None, timeout=150):
    """The output of a program that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], input=stdin, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    require(done.returncode == 0, f"{command[0]}: {said[-1500:]}")
    return said


def in_namespace(script, *arguments):
    """A bash script in a network namespace of its own, as root in it."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return run("unshare", "--net", *user, "bash", "-euc", script, "bash",
               *arguments)  # fmt: skip


def configured(template, path, name="config"):
    """A configuration that names a list, as a file beside it."""
    config = path.with_name(f"{path.name}.{name}")
    config.write_text(template.replace("LIST", str(path)))
    return config


def union(nets):
    """Sorted, disjoint ranges of integers, by version."""
    merged = {4: [], 6: []}
    for version in (4, 6):
        for net in ipaddress.collapse_addresses(
            [net for net in nets if net.version == version]
        ):
            first, last = int(net[0]), int(net[-1])
            ranges = merged[version]
            if ranges and ranges[-1][1] + 1 == first:
                ranges[-1][1] = last
            else:
                ranges.append([first, last])
    return merged


# ---- Linux ------------------------------------------------------------------


def nft(path):
    """Loads it twice; the sets then hold exactly the addresses of the file."""
    said = in_namespace(
        'nft -f "$1"; nft -f "$1"; nft -j list table inet asgard', path
    )
    found = []
    for item in json.loads(said)["nftables"]:
        for element in item.get("set", {}).get("elem", []):
            found.extend(nft_element(element))
    wanted = [
        ipaddress.ip_network(text)
        for text in re.findall(
            r"^([0-9a-f.:]+/\d+),?$", path.read_text(), re.MULTILINE
        )
    ]
    require(union(found) == union(wanted), "other addresses in the sets")


def nft_element(element):
    if isinstance(element, str):
        return [ipaddress.ip_network(element)]
    if "prefix" in element:
        prefix = element["prefix"]
        return [ipaddress.ip_network(f"{prefix['addr']}/{prefix['len']}")]
    first, last = (ipaddress.ip_address(text) for text in element["range"])
    return ipaddress.summarize_address_range(first, last)


def ipset(path):
    """Restores it twice; the sets then hold exactly the lines of the file."""
    said = in_namespace(
        'ipset restore -f "$1"; ipset restore -f "$1"; ipset save', path
    )
    require("_new" not in said, "a helper set was left behind")
    members = {
        ipaddress.ip_network(text)
        for text in re.findall(r"^add asgard[46] (\S+)", said, re.MULTILINE)
    }
    text = path.read_text()
    wanted = {
        ipaddress.ip_network(text)
        for text in re.findall(r"^add -exist \w+ (\S+)$", text, re.MULTILINE)
    }
    require(members == wanted, "other prefixes in the sets")


def iptables(path):
    in_namespace('iptables-restore --test "$1"', path)


def ip6tables(path):
    in_namespace('ip6tables-restore --test "$1"', path)


def dropped(load, hooks, path, probes):
    """Which of the probes (address, wanted) are dropped after a load."""
    said = in_namespace(
        f'ip link set lo up\n{load}\n{hooks}\npython3 "$2" $3',
        path, PROBE, " ".join(probes),
    )  # fmt: skip
    return set(said.split())


# ---- proxies ----------------------------------------------------------------

HAPROXY = """defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend web
    bind 127.0.0.1:8404
    http-request deny if { src -f LIST }
"""


def haproxy_acl(path):
    run("haproxy", "-c", "-f", configured(HAPROXY, path))


def haproxy_map(path):
    config = HAPROXY.replace(
        "http-request deny if { src -f LIST }",
        "http-request set-header X-Blocked %[src,map_ip(LIST)]",
    )
    run("haproxy", "-c", "-f", configured(config, path))


NGINX = """pid PID;
error_log stderr;
events {}
http {
    access_log off;
    GEO
    server { listen 127.0.0.1:9; DENY }
}
"""


def nginx(path, geo="", deny=""):
    """Warnings count: host bits and duplicates are no more to nginx."""
    config = NGINX.replace("PID", f"{path}.pid")
    config = config.replace("GEO", geo).replace("DENY", deny)
    said = run("nginx", "-t", "-q", "-c", configured(config, path))
    require("warn" not in said, said)


def nginx_geo(path):
    nginx(path, geo="geo $blocked { default 0; include LIST; }")


def nginx_deny(path):
    nginx(path, deny="include LIST;")


SQUID = """http_port 127.0.0.1:3128
acl asgard src "LIST"
http_access deny asgard
"""


def squid(path):
    """squid reads on after a bad or doubtful line, and only says so."""
    said = run("squid", "-k", "parse", "-f", configured(SQUID, path))
    odd = [
        line
        for line in said.splitlines()
        if re.search(r"warning|error|fatal|bungled", line, re.IGNORECASE)
        and "empty ACL" not in line
    ]
    require(not odd, "\n".join(odd[:5]))


DNSDIST = """dofile("LIST")
addAction(NetmaskGroupRule(asgard), DropAction())
"""


def dnsdist(path):
    run("dnsdist", "--check-config", "-C", configured(DNSDIST, path))


# ---- name servers -----------------------------------------------------------

UNBOUND = """server:
    module-config: "respip validator iterator"
    username: ""
    chroot: ""
    directory: "/"
include: "LIST"
"""


def unbound(path):
    run("unbound-checkconf", configured(UNBOUND, path))


BIND = """include "LIST";
options { blackhole { "asgard"; }; };
"""


def bind_acl(path):
    run("named-checkconf", configured(BIND, path))


RPZ = """options {
    directory "DIR"; pid-file none; session-keyfile none;
    listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; };
    recursion yes; allow-query { any; }; dnssec-validation no;
    response-policy { zone "rpz.asgard"; } break-dnssec yes
        qname-wait-recurse no;
};
controls { };
zone "rpz.asgard" { type primary; file "LIST"; };
zone "probe.test" { type primary; file "DIR/probe.zone"; };
"""
# Ends by itself: dig waits at most 60 s for the start, then `named` is ended.
RPZ_SCRIPT = """
ip link set lo up
named -g -c "$1" >"$2/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server || true' EXIT
for _ in $(seq 300); do
  grep -q 'all zones loaded' "$2/log" && break
  kill -0 $server || { cat "$2/log"; exit 1; }
  sleep 0.2
done
while read -r name kind; do
  printf '%s ' "$name"
  dig +noall +comments +tries=5 +time=3 @127.0.0.1 "$name.probe.test" "$kind" |
    sed -n 's/.*status: \\([A-Z]*\\),.*/\\1/p'
done <"$2/probes"
"""


def rpz(path, probes=(("a0", "A", "9.9.9.9"),)):
    """`named` loads all triggers and answers names by their addresses.

    Probes are names with the address behind them. Returns the status of each.
    """
    run("named-checkzone", "rpz.asgard", path)
    names = re.findall(r"^(\S+)\.rpz-ip CNAME", path.read_text(), re.MULTILINE)
    for name in names:
        trigger(name)
    with tempfile.TemporaryDirectory(prefix="asgard-rpz-") as text:
        directory = pathlib.Path(text)
        zone = ["$TTL 60", "@ SOA localhost. root.localhost. 1 60 60 60 60",
                "@ NS localhost."]  # fmt: skip
        zone += [f"{name} {kind} {address}" for name, kind, address in probes]
        (directory / "probe.zone").write_text("\n".join(zone) + "\n")
        (directory / "probes").write_text(
            "".join(f"{name} {kind}\n" for name, kind, _ in probes)
        )
        config = directory / "named.conf"
        config.write_text(
            RPZ.replace("DIR", text).replace("LIST", str(path))
        )
        said = in_namespace(RPZ_SCRIPT, config, directory)
        log = (directory / "log").read_text()
    require("invalid rpz" not in log, "\n".join(
        line for line in log.splitlines() if "invalid rpz" in line)[:1500])
    require("loaded serial" in log, log[-1500:])
    return dict(line.split() for line in said.splitlines())


def trigger(name):
    """The prefix of a response-IP trigger. BIND drops what has host bits: in
    IPv4 it says so, in IPv6 it does not."""
    length, *words = name.split(".")
    words.reverse()
    if len(words) == 4 and "zz" not in words:
        return network(".".join(words) + f"/{length}", 4)
    text = ":".join(words)
    if "zz" in words:
        zero = words.index("zz")
        text = ":".join(words[:zero]) + "::" + ":".join(words[zero + 1 :])
    return network(f"{text}/{length}", 6)


# ---- routers ----------------------------------------------------------------

BIRD = """router id 127.0.0.1;
include "LIST";
protocol device { }
"""
BIRD_FILTERS = """
filter in4 {
    if net ~ ASGARD4 then reject;
    if bgp_path.last ~ ASGARD_AS then reject;
    accept;
}
filter in6 { if net ~ ASGARD6 then reject; accept; }
"""


def bird(path):
    config = configured(BIRD + BIRD_FILTERS, path)
    run("bird", "-p", "-c", config)


def bird_protocols(path):
    run("bird", "-p", "-c", configured(BIRD, path))


def frr(path):
    said = run("vtysh", "-C", "-f", path)
    require("Unknown command" not in said, said)
    for version, bits, text in re.findall(
        r"^(ip|ipv6) prefix-list \w+ seq \d+ permit \S+?/(\d+)(.*)$",
        path.read_text(), re.MULTILINE,
    ):  # fmt: skip
        most = {"ip": "32", "ipv6": "128"}[version]
        want = "" if bits == most else f" le {most}"
        require(text == want, f"/{bits}{text}")
    # FRR masks silently, and does not mind the family: that is for us to find.
    lists = r"^(ip|ipv6) prefix-list \S+ seq \d+ permit (\S+)"
    for kind, text in re.findall(lists, path.read_text(), re.MULTILINE):
        network(text, {"ip": 4, "ipv6": 6}[kind])


EXABGP = """neighbor 127.0.0.1 {
    router-id 127.0.0.1;
    local-address 127.0.0.1;
    local-as 65001;
    peer-as 65002;
    family { ipv4 flow; ipv6 flow; }
FLOW
}
"""


def exabgp(path):
    """In 4.2 both end with 0 whatever they read; what they say counts."""
    config = path.with_name(f"{path.name}.config")
    config.write_text(EXABGP.replace("FLOW", path.read_text()))
    for mode in ("--test", "--validate"):
        said = run("env", "exabgp.api.cli=false", "exabgp", mode, config)
        bad = re.search(r"error|invalid", said, re.IGNORECASE)
        require(not bad, said[-1500:])
    require("loaded new configuration successfully" in said, said[-1500:])


# ---- programs ---------------------------------------------------------------


def suricata(path):
    from suricataparser import parse_file

    rules = parse_file(str(path))
    lines = [x for x in path.read_text().splitlines() if x[:1] != "#"]
    require(len(rules) == len(lines), f"{len(rules)} rules of {len(lines)}")
    sids = [rule.sid for rule in rules]
    require(len(set(sids)) == len(sids), "a sid twice")
    for rule in rules:
        require(rule.enabled and rule.action == "drop", rule.raw)
        group = re.fullmatch(r"ip \[([^]]+)\] any -> \$HOME_NET any",
                             rule.header)  # fmt: skip
        require(group, rule.header)
        prefixes = group[1].split(",")
        require(1 <= len(prefixes) <= 10, f"{len(prefixes)} prefixes")
        for text in prefixes:
            ipaddress.ip_network(text)
        require(rule.classtype == "misc-attack" and rule.rev, rule.raw)


def stix(path):
    """Strict parse and pattern validator; of a long list every 500th object."""
    import stix2
    from stix2patterns.validator import run_validator

    bundle = json.loads(path.read_bytes())
    require(bundle["type"] == "bundle", bundle["type"])
    objects = bundle["objects"]
    ids = [each["id"] for each in objects]
    require(len(set(ids)) == len(ids), "an id twice")
    step = 500 if len(objects) > 1000 else 1
    bundle["objects"] = objects[::step]
    parsed = stix2.parse(bundle, allow_custom=False)
    for each in parsed.objects:
        if each.type == "indicator":
            errors = run_validator(each.pattern, stix_version="2.1")
            require(not errors, f"{each.pattern}: {errors}")


def mmdb(path, lines):
    """Every network is found with the reason of its longest prefix."""
    import maxminddb

    rows = sorted(
        (ipaddress.ip_network(row[0]), row)
        for row in (line.split(",") for line in lines)
        if ":" not in row[0]
    ) + sorted(
        (ipaddress.ip_network(row[0]), row)
        for row in (line.split(",") for line in lines)
        if ":" in row[0]
    )
    try:
        reader = maxminddb.open_database(str(path), maxminddb.MODE_FILE)
    except maxminddb.InvalidDatabaseError as error:
        raise Refused(str(error)) from error
    with reader:
        require(reader.metadata().ip_version == 6, "IPv4 only")
        starts = [(net.version, int(net[0]), net.prefixlen) for net, _ in rows]
        for net, _ in rows:
            # Of prefixes with the same first address the longest is last.
            at = bisect.bisect_right(
                starts, (net.version, int(net[0]), 128)) - 1
            row = rows[at][1] + ["", "", ""]
            found = reader.get(net[0])
            require(found and found.get("blocked") is True, f"{net}: {found}")
            asn = row[2].removeprefix("AS")
            require(found.get("asn") == (int(asn) if asn else None), str(net))
            score = int(row[3]) if row[3] else None
            require(found.get("score") == score, str(net))
        for free in ("9.9.9.9", "2620:fe::9"):
            require(reader.get(free) is None, f"{free} is in it")
    if rows:
        said = run("mmdblookup", "--file", path, "--ip", str(rows[0][0][0]),
                   "blocked")  # fmt: skip
        require("true" in said, said)


def juniper_tgz(path):
    said = run("tar", "tzf", path)
    require(said == "asgard.txt\n", said)
    with tarfile.open(path) as archive:
        member = archive.getmember("asgard.txt")
        require(member.isreg() and member.mode == 0o644, str(member))
        juniper(archive.extractfile(member).read())
