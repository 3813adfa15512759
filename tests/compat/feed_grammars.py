"""Grammars of lists whose readers cannot be had here: firewalls, clouds, IDS.

Proves nothing itself: the checks with these grammars are in
test_feed_formats.py. Each is strict, because the devices are: what a vendor's
documentation does not promise to read is refused.
"""

import csv
import hashlib
import io
import ipaddress
import json
import re


class Refused(Exception):
    """What the reader of a list said against it."""


def require(condition, what):
    if not condition:
        raise Refused(what)


def text_lines(body, comments=False):
    """Lines of a text with a final LF, without comments."""
    require(body.isascii(), "not ASCII")
    require(b"\r" not in body, "a carriage return")
    require(not body or body.endswith(b"\n"), "no final line feed")
    lines = body.decode().splitlines()
    require("" not in lines, "a blank line")
    if comments:
        lines = [line for line in lines if not line.startswith("#")]
    return lines


def network(text, version=None):
    """A canonical prefix: no host bits, RFC 5952, the length always there."""
    try:
        net = ipaddress.ip_network(text)
    except ValueError as error:
        raise Refused(str(error)) from error
    require(str(net) == text, f"{text} is not canonical")
    require(net.prefixlen > 0, "a default route")
    require(version in (None, net.version), f"{text} is of the other family")
    return net


def address(text, version=None):
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        raise Refused(str(error)) from error
    require(str(found) == text, f"{text} is not canonical")
    require(version in (None, found.version), f"{text}: the other family")
    return found


def entry(text, ranges=False):
    """A prefix, a bare host, or a range."""
    if "-" in text:
        require(ranges, f"a range: {text}")
        first, last = (address(part) for part in text.split("-", 1))
        require(first < last, f"{text} has no direction")
        return
    if "/" in text:
        network(text)
    else:
        address(text)


def plain(body):
    """The contract of the feed: sorted, unique, no comments."""
    nets = [network(line) for line in text_lines(body)]
    keys = [(n.version, int(n.network_address), n.prefixlen) for n in nets]
    require(keys == sorted(set(keys)), "not sorted, or duplicates")


def panos(body):
    for line in text_lines(body):
        value, *comment = line.split(" ", 1)
        entry(value, ranges=True)
        require("#" not in value and "://" not in line, f"odd: {line}")


def fortigate(body):
    for line in text_lines(body, comments=True):
        entry(line, ranges=True)


def cisco(body):
    for line in text_lines(body, comments=True):
        network(line)


def cisco_md5(body, list_body):
    require(re.fullmatch(rb"[0-9a-f]{32}", body), "not a lower-case digest")
    want = hashlib.md5(list_body, usedforsecurity=False).hexdigest()
    require(body.decode() == want, "the digest is of another list")


def sophos(body):
    for line in text_lines(body):
        require("/" not in line, f"{line} has a length")
        address(line, version=4)


def juniper(body):
    for line in text_lines(body):
        network(line)


def checkpoint(body):
    """sk132193: every mandatory field, IPv4 only, no prefixes."""
    lines = text_lines(body)
    require(lines[:1] and lines[0].startswith("#! DESCRIPTION = "), "no title")
    names = set()
    data = "\n".join(line for line in lines if not line.startswith("#"))
    for row in csv.reader(io.StringIO(data)):
        require(len(row) == 7, f"{len(row)} fields: {row}")
        require(all(cell.strip() for cell in row[:6]), f"empty field: {row}")
        name, value, kind, confidence, severity, product, _ = row
        require(name not in names, f"{name} twice")
        names.add(name)
        require(kind in ("IP", "IP Range"), f"type {kind}")
        require(confidence in ("low", "medium", "high", "critical"), confidence)
        require(severity in ("low", "medium", "high", "critical"), severity)
        require(product == "AB", f"{product} does not take addresses")
        parts = [address(part, version=4) for part in value.split("-")]
        require(len(parts) == (1 if kind == "IP" else 2), f"{kind}: {value}")
        require(parts == sorted(set(parts)), f"{value} has no direction")


def f5(body):
    for line in text_lines(body):
        found = re.fullmatch(r"(host|network) (\S+),", line)
        require(found, f"not a record: {line}")
        if found[1] == "host":
            address(found[2])
        else:
            network(found[2])


ROUTEROS = re.compile(
    r":do \{ add list=\$asgardNew address=(\S+) timeout=1d"
    r'( comment="[A-Za-z0-9:._-]+")? \} on-error=\{\}'
)


def mikrotik(body):
    """Each family in its menu; the new list is whole before the old goes."""
    menus = {"/ip/firewall/address-list": 4, "/ipv6/firewall/address-list": 6}
    version, emptied, seen = None, set(), []
    for line in text_lines(body, comments=True):
        if line in menus:
            version = menus[line]
            seen.append(version)
        elif line == "remove [find list=$asgardOld]":
            emptied.add(version)
        elif line.startswith(":do "):
            found = ROUTEROS.fullmatch(line)
            require(found, f"not a command: {line}")
            require(version not in emptied, "added after the old list went")
            text = found[1]
            if "/" in text:
                network(text, version)
            else:
                require(version == 4, "IPv6 hosts carry their length")
                address(text, 4)
        else:
            require(
                re.fullmatch(
                    r":global asgard(New|Old) \"[\w-]+_[ab]\""
                    r"|:if \(\[:len \[find list=\"[\w-]+_a\"\]\] > 0\) do=\{"
                    r" :set asgardNew \"[\w-]+_b\";"
                    r" :set asgardOld \"[\w-]+_a\" \}"
                    r"|remove \[find list=\$asgardNew\]|:set asgard(New|Old)",
                    line,
                ),
                f"not a command of ours: {line}",
            )
    require(seen == [4, 6] and emptied == {4, 6}, "a family has no section")


def snort_blf(body):
    for line in text_lines(body, comments=True):
        network(line)


def zeek(body):
    """Tabs only: Zeek reads nothing of a file with spaces, and is silent."""
    lines = text_lines(body)
    want = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc"
    require(lines[:1] == [want], "no header, or not with tabs")
    for line in lines[1:]:
        cells = line.split("\t")
        require(len(cells) == 4 and " " not in line, f"not four cells: {line}")
        if cells[1] == "Intel::ADDR":
            address(cells[0])
        else:
            require(cells[1] == "Intel::SUBNET", f"type {cells[1]}")
            network(cells[0])
        require(all(cells), f"an empty cell: {line}")


def iprep(body):
    """docs.suricata.io, IP Reputation Format."""
    for line in text_lines(body):
        cells = line.split(",")
        require(len(cells) == 3, f"not three cells: {line}")
        network(cells[0])
        require(1 <= int(cells[1]) <= 59, f"category {cells[1]}")
        require(1 <= int(cells[2]) <= 127, f"score {cells[2]}")


def iprep_categories(body):
    for line in text_lines(body):
        number, short, name = line.split(",")
        require(1 <= int(number) <= 59 and short and name, f"odd: {line}")


def cloudflare(body):
    for item in json.loads(body):
        require(set(item) <= {"ip", "comment"}, f"keys {sorted(item)}")
        entry(item["ip"])
        net = ipaddress.ip_network(item["ip"])
        require(net.prefixlen >= (8 if net.version == 4 else 12), str(net))
        require(len(item.get("comment", "")) <= 500, "a long comment")


def cloudflare_asn(body):
    items = json.loads(body)
    require(all(set(item) == {"asn"} for item in items), "odd keys")
    asns = [item["asn"] for item in items]
    require(all(type(asn) is int and 0 < asn < 2**32 for asn in asns),
            "not an AS number")  # fmt: skip
    require(asns == sorted(set(asns)), "not sorted, or duplicates")


def aws_waf(body):
    sets = json.loads(body)
    names = [each["Name"] for each in sets]
    require(len(set(names)) == len(names), "a name twice")
    versions = {each["IPAddressVersion"] for each in sets}
    require(versions == {"IPV4", "IPV6"}, f"families {versions}")
    for each in sets:
        require(
            set(each) == {"Name", "Scope", "IPAddressVersion", "Addresses"},
            f"keys {sorted(each)}",
        )
        require(re.fullmatch(r"[\w-]{1,128}", each["Name"]), each["Name"])
        require(each["Scope"] in ("REGIONAL", "CLOUDFRONT"), each["Scope"])
        require(len(each["Addresses"]) <= 10_000, "more than a set holds")
        for text in each["Addresses"]:
            network(text, 4 if each["IPAddressVersion"] == "IPV4" else 6)


def drop_jsonl(body):
    *records, last = (json.loads(line) for line in text_lines(body))
    for record in records:
        require(set(record) == {"cidr", "sblid", "rir"}, str(record))
        network(record["cidr"])
        require(record["sblid"], "no reason")
    require(last["type"] == "metadata", "the last line is not the summary")
    require(last["records"] == len(records), "another number of records")
    size = len(body) - len(body.splitlines(keepends=True)[-1])
    require(last["size"] == size, f"size {last['size']}, not {size}")


RECORD = ["prefix", "origin", "rule_id", "asn", "score", "country", "list",
          "expires_at"]  # fmt: skip


def record(found):
    require(list(found) == RECORD, f"keys {list(found)}")
    entry(found["prefix"], ranges=True)
    origins = ("ip", "list", "asn", "risk", "country")
    require(found["origin"] in origins, found["origin"])


def json_records(body):
    for found in json.loads(body):
        record(found)


def jsonl(body):
    for line in text_lines(body):
        record(json.loads(line))


def csv_records(body):
    text = body.decode()
    require(text.endswith("\n") and "\r" not in text, "line ends")
    reader = csv.reader(io.StringIO(text), strict=True)
    require(next(reader) == RECORD, "another header")
    for row in reader:
        require(len(row) == len(RECORD), f"{len(row)} cells: {row}")
        entry(row[0], ranges=True)
        require(not any(c.startswith(tuple("=+-@\t\r")) for c in row), str(row))
