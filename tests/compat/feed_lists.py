"""Block lists of all sizes, and what they look like in every format.

Proves nothing itself. The lists are in real global-unicast space, because
documentation prefixes are dropped from feeds; no packet is ever sent there
outside a network namespace.
"""

import functools
import ipaddress
import pathlib
import subprocess
import tempfile

# 20 IPv4 and 10 IPv6 prefixes, /8 to /32 and /29 to /128, some adjacent, some
# inside others.
MIXED = """
1.10.16.0/20,asn,AS174,12
2.56.56.0/22,country
5.188.86.7/32,ip
5.188.86.8/32,ip
25.0.0.0/8,country
25.1.0.0/16,asn,AS174,12
45.148.10.0/24,list
45.148.11.0/24,list
62.0.0.0/9,country
62.128.0.0/10,country
80.66.76.0/25,risk,AS57523,3
80.66.76.5/32,ip
80.66.76.128/25,risk,AS57523,3
91.240.118.0/23,list
141.98.8.0/21,risk,AS209588,7
185.220.100.0/22,asn,AS60729
185.220.101.1/32,ip
193.32.162.157/32,list
194.26.192.64/30,list
223.254.0.0/16,list
2001:470:1:2::/64,ip
2400:cb00:0:2::/63,list
2602:feb4:e0::/48,asn,AS174,12
2804:14d:8000::/36,country
2a0e:b107:3f0::/44,risk,AS57523,3
2a0e:b107:400::/44,risk,AS57523,3
2a10::/29,country
2a10::/32,asn,AS60729
2a12:4940::1/128,ip
2a12:4940::2/128,ip
""".split()

# Formats whose devices misread overlaps; the server always aggregates them.
AGGREGATED = {"squid", "cloudflare", "aws-waf"}
# Formats that take few entries by nature: routers, and what routers are told.
LARGEST = {"exabgp": 2000}


def networks(lines):
    return [ipaddress.ip_network(line.split(",")[0]) for line in lines]


def aggregated(lines):
    """The same addresses in the fewest prefixes."""
    nets = networks(lines)
    return [
        str(net)
        for version in (4, 6)
        for net in ipaddress.collapse_addresses(
            [net for net in nets if net.version == version]
        )
    ]


@functools.cache
def large(count=100_000):
    """4 of 5 lines are IPv4; none touches another."""
    v4, v6 = count * 4 // 5, count // 5
    lines = [
        f"{16 + (n >> 15)}.{(n >> 7) & 255}.{(n << 1) & 255}.0/24,asn,AS174"
        for n in range(v4)
    ]
    lines += [f"2a00:{n >> 8:x}:{(n & 255) << 1:x}::/48,list"
              for n in range(v6)]  # fmt: skip
    return lines


def lines_of(format, case):
    lines = {"mixed": MIXED, "commented": MIXED, "empty": []}.get(case)
    if lines is None:
        lines = large(LARGEST.get(format, 100_000))
    return aggregated(lines) if format in AGGREGATED else lines


class Renderer:
    """The example `render` of crates/policy; every text is made once."""

    def __init__(self, binary):
        self.binary = binary
        self.directory = tempfile.TemporaryDirectory(prefix="asgard-feeds-")
        self.done = {}

    def __call__(self, format, case, *flags):
        """The path of a list, by format, case and flags."""
        key = (format, case, flags)
        if key not in self.done:
            path = pathlib.Path(self.directory.name) / (
                f"{len(self.done)}-{format}"
            )
            path.write_bytes(self.text(format, lines_of(format, case), *flags,
                *(["--comments"] if case == "commented" else [])))  # fmt: skip
            self.done[key] = path
        return self.done[key]

    def text(self, format, lines, *flags):
        made = subprocess.run(
            [self.binary, format, "--confirm", "--max", "200000", *flags],
            input="".join(line + "\n" for line in lines).encode(),
            capture_output=True, timeout=120,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr.decode()
        return made.stdout
