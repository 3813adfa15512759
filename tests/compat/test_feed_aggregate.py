"""Proves that `asgard feed aggregate` merges lists to what others merge them to.

FireHOL's `iprange` knows IPv4 and Python's `ipaddress` both families. Sets are
compared as lists of the fewest prefixes, which are unique.
"""

import ipaddress
import os
import random
import subprocess

import pytest

from mixed_prefixes import write


@pytest.fixture(scope="session")
def real_lists(tmp_path_factory):
    mirror = os.environ.get("ASGARD_TEST_MIRROR")
    if not mirror:
        pytest.skip("ASGARD_TEST_MIRROR names no mirror")
    folder = tmp_path_factory.mktemp("lists")
    if not write(mirror, folder):
        pytest.skip("the mirror has no routing/announced-prefixes-*")
    return folder


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def plain(lines):
    """Hosts with length, as ours have."""
    return [line if "/" in line else f"{line}/32" for line in lines]


def test_a_million_real_prefixes_merge_as_iprange_merges_them(
    binary, need, real_lists
):
    need("iprange")
    v4, minus = real_lists / "v4.txt", real_lists / "minus.txt"
    ours = output(binary, "feed", "aggregate", v4)
    assert ours == plain(output("iprange", v4))
    assert len(ours) > 50_000
    ours = output(binary, "feed", "aggregate", v4, "--except", minus)
    assert ours == plain(output("iprange", v4, "--except", minus))


def test_ranges_are_those_of_iprange(binary, need, real_lists):
    need("iprange")
    v4 = real_lists / "v4.txt"
    ours = output(binary, "feed", "aggregate", "--ranges", v4)
    theirs = output("iprange", v4, "--print-ranges")
    ends = [line.split("-") for line in theirs]
    # A host is `a-a` to iprange.
    assert ours == [
        first if first == last else f"{first}-{last}" for first, last in ends
    ]


def test_both_families_merge_as_python_merges_them(binary, tmp_path):
    rng = random.Random(4)
    networks, lines = [], []
    for _ in range(20_000):
        kind = rng.choice([ipaddress.IPv4Network, ipaddress.IPv6Network])
        width = 32 if kind is ipaddress.IPv4Network else 128
        length = rng.randint(width // 4, width)
        bits = rng.getrandbits(width) & ~(0xFF << (width - 12))
        network = kind((bits, length), strict=False)
        networks.append(network)
        host = network[rng.randrange(min(network.num_addresses, 1 << 40))]
        lines.append(
            rng.choice(
                [
                    f"{network}",
                    f"{host}/{length} # host bits",
                    f"{network[0]}-{network[-1]}\r",
                ]
            )
        )
    listing = tmp_path / "list"
    listing.write_text("\n".join(lines))
    ours = output(binary, "feed", "aggregate", listing)
    merged = []
    for version in (4, 6):
        family = [net for net in networks if net.version == version]
        merged += map(str, ipaddress.collapse_addresses(family))
    assert ours == merged


def test_a_list_with_a_bad_line_prints_nothing(binary, tmp_path):
    listing = tmp_path / "list"
    listing.write_text("192.0.2.0/24\n198.51.100.0/24203.0.113.0/24\n")
    done = subprocess.run(
        [binary, "feed", "aggregate", listing], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{listing}:2: " in done.stderr
    assert "198.51.100.0/24203.0.113.0/24" in done.stderr


def test_standard_input_is_read_once_and_may_be_empty(binary):
    def run(text, *options):
        return subprocess.run(
            [binary, "feed", "aggregate", *options],
            input=text,
            capture_output=True,
            text=True,
        )

    done = run("10.0.0.0/25\n10.0.0.128/25\n")
    assert (done.returncode, done.stdout) == (0, "10.0.0.0/24\n")
    done = run("")
    assert (done.returncode, done.stdout) == (0, "")
    done = run("", "-", "--except", "-")
    assert done.returncode == 2
    assert "once" in done.stderr
