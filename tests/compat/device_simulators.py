"""Firewalls that poll a list, as their vendors document them and as their users
found them: what they load, what they keep, when they open.

Proves nothing itself. Real devices are not here; the rules are those of the
tables in docs/feeds. A simulator never asserts: it has state, as a device has.
"""

import base64
import hashlib
import ipaddress
import urllib.error
import urllib.request


class Unreachable(Exception):
    """No answer, or a broken one."""


class Device:
    """Polls a URL with Basic authentication. `enforced` is what it blocks."""

    def __init__(self, url, key):
        self.url = url
        self.authorization = (
            "Basic " + base64.b64encode(f"api:{key}".encode()).decode()
        )
        self.enforced = []
        self.log = []

    def ask(self, url=None, method="GET"):
        """Status, headers and body."""
        request = urllib.request.Request(
            url or self.url, method=method,
            headers={"Authorization": self.authorization},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except (OSError, ValueError) as error:
            raise Unreachable(str(error)) from error
        except Exception as error:  # A body that was cut.
            raise Unreachable(str(error)) from error


def entry(text):
    """The addresses of `A`, `A/n` or `A-B`, or None."""
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(x) for x in text.split("-"))
            return (first, last) if first <= last else None
        net = ipaddress.ip_network(text)
        return net[0], net[-1]
    except (ValueError, TypeError):
        return None


def blocks(entries, address):
    """Whether any of the entries contains the address."""
    address = ipaddress.ip_address(address)
    return any(
        first.version == address.version and first <= address <= last
        for first, last in entries
    )


class PanOs(Device):
    """Keeps the list when the server is away; stops enforcing it when it is
    refused; skips what is beyond its limit; text after a space is a comment."""

    def __init__(self, url, key, limit=50_000):
        super().__init__(url, key)
        self.limit = limit

    def poll(self):
        try:
            status, _, body = self.ask()
        except Unreachable:
            return self.log.append("unable to fetch, old list kept")
        if status in (401, 403):
            self.enforced = []
            return self.log.append("authentication failed, list not used")
        if status != 200:
            return self.log.append(f"status {status}, old list kept")
        found = [
            entry(line.split(" ", 1)[0])
            for line in body.decode(errors="replace").splitlines()
        ]
        good = [each for each in found if each]
        if len(good) < len(found):
            self.log.append(f"{len(found) - len(good)} invalid entries")
        if len(good) > self.limit:
            self.log.append(f"{len(good) - self.limit} entries skipped")
        self.enforced = good[: self.limit]


class FortiGate(Device):
    """Keeps the list on any failure; ignores comments and odd lines; cuts by
    entries and by bytes."""

    def __init__(self, url, key, limit=300_000, bytes_limit=32_000_000):
        super().__init__(url, key)
        self.limit, self.bytes_limit = limit, bytes_limit

    def poll(self):
        try:
            status, _, body = self.ask()
        except Unreachable:
            return self.log.append("update failed, old list kept")
        if status != 200:
            return self.log.append(f"status {status}, old list kept")
        if len(body) > self.bytes_limit:
            self.log.append("file cut")
        lines = body[: self.bytes_limit].decode(errors="replace").splitlines()
        good = [each for each in map(entry, lines) if each]
        if len(good) > self.limit:
            self.log.append(f"{len(good) - self.limit} entries cut")
        self.enforced = good[: self.limit]


class Cisco(Device):
    """Asks for the digest first; replaces everything as soon as one line of an
    answer, *whatever its status*, is recognised; keeps the list otherwise."""

    def __init__(self, url, key, digest_url=None):
        super().__init__(url, key)
        self.digest_url, self.digest, self.downloads = digest_url, None, 0

    def poll(self):
        try:
            if self.digest_url:
                status, _, body = self.ask(self.digest_url)
                digest = body.decode(errors="replace").strip()
                if status == 200 and digest == self.digest:
                    return None
            _, _, body = self.ask()
        except Unreachable:
            return self.log.append("download failed, old list kept")
        self.downloads += 1
        lines = body.decode(errors="replace").splitlines()
        good = [each for each in map(entry, lines) if each]
        if not good:
            return self.log.append("nothing recognised, old list kept")
        self.enforced = good
        self.digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return None


class Sophos(Device):
    """Takes bare IPv4 addresses and nothing else."""

    def poll(self):
        try:
            status, _, body = self.ask()
        except Unreachable:
            return
        if status != 200:
            return
        good = []
        for line in body.decode(errors="replace").splitlines():
            try:
                address = ipaddress.IPv4Address(line)
                good.append((address, address))
            except ValueError:
                self.log.append(f"ignored: {line}")
        self.enforced = good


class Juniper(Device):
    """Finds changes by HEAD, then downloads."""

    def __init__(self, url, key):
        super().__init__(url, key)
        self.known, self.downloads = None, 0

    def poll(self):
        try:
            status, headers, _ = self.ask(method="HEAD")
            mark = (headers.get("ETag"), headers.get("Content-Length"))
            if status != 200 or mark == self.known:
                return
            status, _, body = self.ask()
        except Unreachable:
            return
        if status == 200:
            lines = body.decode().splitlines()
            self.enforced = [each for each in map(entry, lines) if each]
            self.known, self.downloads = mark, self.downloads + 1
