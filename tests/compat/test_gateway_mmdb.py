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
