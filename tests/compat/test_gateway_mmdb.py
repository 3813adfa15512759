"""Proves that other people's readers understand the files of `asgard mmdb
build`, and that the same input gives the same bytes.
"""

import ipaddress
import random
import subprocess

import maxminddb
import pytest


@pytest.fixture(scope="module")
def database(binary, tmp_path_factory):
    path = tmp_path_factory.mktemp("mmdb") / "asn.mmdb"
    told = subprocess.run(
        [binary, "--demo", "--data-dir", path.parent / "data",
         "mmdb", "build", "--out", path],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "networks in" in told.stdout
    return path


def test_python_reader_walks_every_network(database):
    with maxminddb.open_database(str(database)) as reader:
        kind = reader.metadata().database_type
        assert kind == "asgard-ASN (compat=GeoLite2-ASN)"
        count = 0
        for _, record in reader:
            assert record["autonomous_system_number"] > 0
            assert 0 <= record.get("score", 0) <= 100
            count += 1
        assert count > 100


def test_c_and_python_agree(database, need):
    """`mmdblookup` is libmaxminddb in C."""
    need("mmdblookup")
    rng = random.Random(7)
    with maxminddb.open_database(
        str(database), maxminddb.MODE_MEMORY
    ) as reader:
        networks = [network for network, _ in reader]
        for network in rng.sample(networks, min(200, len(networks))):
            inside = network[0]
            if isinstance(inside, ipaddress.IPv6Address) and inside.ipv4_mapped:
                inside = inside.ipv4_mapped
            told = subprocess.run(
                ["mmdblookup", "--file", database, "--ip", str(inside),
                 "autonomous_system_number"],
                capture_output=True, text=True, check=True, timeout=10,
            ).stdout  # fmt: skip
            asn = reader.get(inside)["autonomous_system_number"]
            assert f"{asn} <uint32>" in told, inside


def test_fields_are_chosen(binary, tmp_path):
    path = tmp_path / "plain.mmdb"
    subprocess.run(
        [binary, "--demo", "--data-dir", tmp_path / "data", "mmdb", "build",
         "--out", path, "--fields", "number", "--database-type", "X-ASN"],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    with maxminddb.open_database(str(path)) as reader:
        assert reader.metadata().database_type == "X-ASN"
        for _, record in reader:
            assert list(record) == ["autonomous_system_number"]


# Addresses, and how many fit on one command line.
ADDRESSES = 1_000_000
BATCH = 50_000
BY_C = 500


def addresses(networks, count):
    """Random ones: of all space, and as many inside networks of the table."""
    rng = random.Random(20260329)
    for _ in range(count // 4):
        yield ipaddress.IPv4Address(rng.getrandbits(32))
        # Global unicast is 2000::/3.
        yield ipaddress.IPv6Address((1 << 125) | rng.getrandbits(125))
    for _ in range(count - count // 4 * 2):
        network = rng.choice(networks)
        host = rng.getrandbits(network.max_prefixlen - network.prefixlen)
        yield network.network_address + host


def plain(network):
    """IPv4 lies at ::/96 in the tree."""
    if network.version == 6 and network.prefixlen >= 96:
        inside = int(network.network_address)
        if inside < 1 << 32:
            return ipaddress.ip_network((inside, network.prefixlen - 96))
    return network


def looked_up(binary, data, texts):
    """The origins of each address with the worst score, by the command line."""
    told = subprocess.run(
        [binary, "--demo", "--data-dir", data, "lookup", *texts],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    # 0: all found, 7: some, 3: none.
    assert told.returncode in (0, 3, 7), told.stderr[-500:]
    lines = told.stdout.splitlines()
    assert lines[0].startswith("target\tprefix\tasn")
    origins = {}
    for line in lines[1:]:
        target, _, asn, _, _, score = line.split("\t")[:6]
        origins.setdefault(target, []).append((asn, int(score or 101)))
    found = {}
    for target, known in origins.items():
        worst = min(score for _, score in known)
        found[target] = {asn for asn, score in known if score == worst}
    return found


def test_a_million_addresses_are_as_the_command_line_says(
    binary, database, tmp_path, record_property
):
    with maxminddb.open_database(
        str(database), maxminddb.MODE_MEMORY
    ) as reader:
        networks = [plain(network) for network, _ in reader]
        texts = [str(a) for a in addresses(networks, ADDRESSES)]
        wrong, announced = [], 0
        for at in range(0, len(texts), BATCH):
            batch = texts[at : at + BATCH]
            found = looked_up(binary, database.parent / "data", batch)
            assert found.keys() == set(batch)
            for text in batch:
                record = reader.get(text)
                number = record and record["autonomous_system_number"]
                announced += number is not None
                if (f"AS{number}" if number else "") not in found[text]:
                    wrong.append((text, number, found[text]))
    record_property("addresses", len(texts))
    record_property("announced", announced)
    assert wrong[:10] == []
    assert announced > ADDRESSES // 4


def test_c_agrees_with_the_command_line(binary, database, need):
    need("mmdblookup")
    with maxminddb.open_database(str(database)) as reader:
        networks = [plain(network) for network, _ in reader]
    texts = [str(a) for a in addresses(networks, BY_C)]
    found = looked_up(binary, database.parent / "data", texts)
    for text in texts:
        told = subprocess.run(
            ["mmdblookup", "--file", database, "--ip", text,
             "autonomous_system_number"],
            capture_output=True, text=True, timeout=10,
        ).stdout  # fmt: skip
        number = told.split("<uint32>")[0].strip() if told.strip() else ""
        assert (f"AS{number}" if number else "") in found[text], text
