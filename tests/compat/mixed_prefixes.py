"""A million mixed lines of a real routing table, shuffled: for test and bench.

    mixed_prefixes.py MIRROR FOLDER

writes `mixed.txt` (758,948 lines of IPv4 and 241,052 of IPv6) and `v4.txt`
(its IPv4 half), `minus.txt` (177,000 lines of IPv4 to take out), all from the
newest table `routing/announced-prefixes-*` of the mirror. Beside each announced
prefix stand repetitions, halves and hosts of it, and prefixes with host bits;
the same mirror gives the same bytes.
"""

import gzip
import ipaddress
import pathlib
import random
import sys

V4, V6, MINUS = 758_948, 241_052, 177_000


def newest(mirror, family):
    pattern = f"routing/announced-prefixes-{family}-*.csv.gz"
    files = sorted(pathlib.Path(mirror).glob(pattern))
    return files[-1] if files else None


def announced(path):
    """Prefixes of a table, as text."""
    with gzip.open(path, "rt") as lines:
        next(lines)
        return list(dict.fromkeys(line.split(",", 1)[0] for line in lines))


def variation(text, rng):
    """Something that lies in a prefix, or is it."""
    address, length = text.split("/")
    ip = ipaddress.ip_address(address)
    bits = ip.max_prefixlen - int(length)
    inside = type(ip)(int(ip) + rng.getrandbits(bits) if bits else int(ip))
    match rng.randrange(4):
        case 0:
            return text
        case 1 if bits:
            half = type(ip)(int(ip) + (rng.getrandbits(1) << (bits - 1)))
            return f"{half}/{int(length) + 1}"
        case 2:
            return f"{inside}/{length}"
        case _:
            return str(inside)


def lines(prefixes, count, rng):
    """All prefixes, or some, and variations until there are enough."""
    rng.shuffle(prefixes)
    taken = prefixes[:count]
    more = [
        variation(rng.choice(prefixes), rng) for _ in range(count - len(taken))
    ]
    return taken + more


def write(mirror, folder):
    """False if the mirror has no such table."""
    tables = [newest(mirror, family) for family in ("ipv4", "ipv6")]
    if None in tables:
        return False
    rng = random.Random(20260822)
    v4, v6 = (announced(path) for path in tables)
    minus = [variation(rng.choice(v4), rng) for _ in range(MINUS)]
    v4, v6 = lines(v4, V4, rng), lines(v6, V6, rng)
    mixed = v4 + v6
    rng.shuffle(v4)
    rng.shuffle(mixed)
    folder = pathlib.Path(folder)
    for name, content in [("mixed", mixed), ("v4", v4), ("minus", minus)]:
        text = "\n".join(content) + "\n"
        (folder / f"{name}.txt").write_text(text)
    return True


if __name__ == "__main__":
    if not write(*sys.argv[1:]):
        sys.exit(f"{sys.argv[1]} has no routing/announced-prefixes-*")
