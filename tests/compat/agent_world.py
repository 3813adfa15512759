"""A firewall, its neighbour and a server of lists, for checks of `asgard agent`.

Proves nothing itself. Must run inside a network namespace of its own
(`unshare --net`), as root in it: the neighbour is a second one behind a pair of
virtual interfaces, from which packets of any source address arrive.
"""

import base64
import contextlib
import hashlib
import http.server
import ipaddress
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from feed_tools import nft_element, union

KEY = "a-key-of-this-test"
PATIENCE = 30

LISTED = ["203.0.113.9", "2001:db8:bad::9"]
FREE = ["198.51.100.9", "2001:db8:600d::9"]
BLOCK = ["203.0.113.0/24", "2001:db8:bad::/48"]


def sh(*command, check=True):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, (command, done.stderr)
    return done


def eventually(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def nft_is_at_work():
    """Whether a `nft` runs in this network namespace; one that an agent has
    started outlives an agent that is killed."""
    ours = os.readlink("/proc/self/ns/net")
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "nft\n" and ours == os.readlink(
                    process / "ns" / "net"):  # fmt: skip
                return True
        except OSError:
            pass  # It has ended meanwhile.
    return False


def networks(lines):
    return [ipaddress.ip_network(line) for line in lines]


class Lists:
    """A server of one plain list, which can be told to do wrong: `fault` is
    None, a status, or the name of a method `fault_…`."""

    def __init__(self, lines, host="127.0.0.1"):
        self.lines = lines
        self.version = 1
        self.fault = None
        self.headers = {}
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((time.monotonic(), self.path, self.headers))
                with contextlib.suppress(ConnectionError):
                    outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://{host}:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def polls(self):
        return len(self.seen)

    def answer(self, request):
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return self.send(request, 401, b"{}")
        if isinstance(self.fault, int):
            said = b'{"success": false, "error": "out of order"}'
            return self.send(request, self.fault, said)
        body = "".join(f"{line}\n" for line in self.lines).encode()
        if self.fault:
            return getattr(self, f"fault_{self.fault}")(request, body)
        if request.headers.get("If-None-Match") == self.about(body)["ETag"]:
            return self.send(request, 304, b"", self.about(body))
        return self.send(request, 200, body, self.about(body))

    def about(self, body):
        digest = hashlib.sha256(body)
        text = base64.b64encode(digest.digest()).decode()
        return {
            "ETag": f'W/"{digest.hexdigest()[:32]}"',
            "Repr-Digest": f"sha-256=:{text}:",
            "X-Feed-Entries": str(body.count(b"\n")),
            "X-Feed-Version": str(self.version),
        }

    def send(self, request, status, body, headers=None):
        request.send_response(status)
        for name, value in {**(headers or {}), **self.headers}.items():
            request.send_header(name, value)
        if status != 304:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body if status != 304 else b"")

    # ---- bodies that are none ----

    def fault_empty(self, request, body):
        self.send(request, 200, b"", self.about(b""))

    def fault_cut(self, request, body):
        request.send_response(200)
        for name, value in self.about(body).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True

    def fault_damaged(self, request, body):
        self.send(request, 200, body.replace(b"1", b"2"), self.about(body))

    def fault_no_digest(self, request, body):
        about = self.about(body)
        del about["Repr-Digest"]
        self.send(request, 200, body, about)

    def fault_miscounted(self, request, body):
        about = {**self.about(body), "X-Feed-Entries": "7"}
        self.send(request, 200, body, about)

    def sound(self, request, body):
        """What looks like a list in every header."""
        self.send(request, 200, body, self.about(body))

    def fault_page(self, request, body):
        self.sound(request, b"<html>203.0.113.1 is out of order</html>\n")

    def fault_commands(self, request, body):
        self.sound(request, body + b"delete table inet other\n")

    def fault_everything(self, request, body):
        self.sound(request, body + b"0.0.0.0/0\n")

    def fault_half(self, request, body):
        self.sound(request, body + b"32.0.0.0/3\n")

    def fault_loopback(self, request, body):
        self.sound(request, body + b"127.0.0.0/8\n")

    def fault_shrunk(self, request, body):
        lines = body.splitlines(keepends=True)
        self.sound(request, b"".join(lines[: len(lines) // 2 - 1]))

    def fault_huge(self, request, body):
        """Announced as more than is taken."""
        request.send_response(200)
        for name, value in self.about(body).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(3 << 20))
        request.end_headers()
        request.wfile.write(b"203.0.113.0/24\n" * 1000)
        request.close_connection = True

    def fault_endless(self, request, body):
        request.send_response(200)
        for name, value in self.about(body).items():
            request.send_header(name, value)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        chunk = b"203.0.113.0/24\n" * 4096
        while True:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def fault_redirect(self, request, body):
        self.send(request, 302, b"", {"Location": self.url + "/elsewhere"})

    def fault_silent_304(self, request, body):
        self.send(request, 304, b"", {})


class World:
    """A namespace with an agent of one kind in it."""

    def __init__(self, binary, kind):
        self.binary, self.kind = binary, kind
        self.stack = contextlib.ExitStack()
        self.dir = pathlib.Path(
            self.stack.enter_context(tempfile.TemporaryDirectory())
        )
        self.state = self.dir / "state"
        self.running = []
        sh("ip", "link", "set", "lo", "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.stack.close()

    # ---- agents ----

    def words(self, url, *flags, key=KEY):
        key_file = self.dir / "key"
        key_file.write_text(key + "\n")
        return [
            self.binary, "agent", self.kind, "--url", url, "--key-file",
            str(key_file), "--state-dir", str(self.state), *flags,
        ]  # fmt: skip

    def once(self, url, *flags, key=KEY):
        return sh(*self.words(url, "--once", *flags, key=key), check=False)

    def start(self, url, *flags, key=KEY):
        log = self.dir / f"log{len(self.running)}"
        with log.open("wb") as stderr:
            agent = subprocess.Popen(
                self.words(url, *flags, key=key), stderr=stderr,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        agent.log = log
        self.running.append(agent)
        return agent

    @staticmethod
    def stop(agent):
        agent.send_signal(signal.SIGTERM)
        return agent.wait(PATIENCE)

    def kept(self):
        """The last good list on disk."""
        good = next(self.state.glob("*.good"), None)
        return good.read_bytes() if good else None

    # ---- the kernel ----

    def held(self):
        """The addresses in the agent's sets; None if there are no sets."""
        if self.kind == "nft":
            # What is read while a set is replaced is torn.
            eventually(lambda: not nft_is_at_work())
            said = sh("nft", "-j", "list", "table", "inet", "asgard",
                      check=False)  # fmt: skip
            if said.returncode != 0:
                return None
            found = []
            for item in json.loads(said.stdout)["nftables"]:
                part = item.get("set", {})
                if part.get("name") in ("block4", "block6"):
                    for element in part.get("elem", []):
                        found.extend(nft_element(element))
            return union(found)
        said = sh("ipset", "save").stdout
        if "create asgard4 " not in said:
            return None
        assert "_new" not in said, said
        lines = re.findall(r"^add asgard[46] (\S+)", said, re.MULTILINE)
        return union(networks(lines))

    def holds(self, lines):
        return self.held() == union(networks(lines))

    def hook(self):
        """The rule that drops what is listed, if the agent makes none."""
        if self.kind == "ipset":
            for tables, digit in [("iptables", 4), ("ip6tables", 6)]:
                sh(tables, "-I", "INPUT", "-m", "set", "--match-set",
                   f"asgard{digit}", "src", "-j", "DROP")  # fmt: skip

    def chain(self):
        """Flags with which the agent makes the rule."""
        return ["--chain", "input"] if self.kind == "nft" else []

    def reboot(self):
        """The kernel forgets everything."""
        if self.kind == "nft":
            sh("nft", "flush", "ruleset")
            return
        for tables in ("iptables", "ip6tables"):
            sh(tables, "-F", "INPUT")
        sh("ipset", "destroy")

    def neighbour(self):
        return self.stack.enter_context(Neighbour())


class Neighbour:
    """A second namespace, from which packets come."""

    def __enter__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        own = pathlib.Path("/proc/self/ns/net").readlink()
        there = pathlib.Path(f"/proc/{self.holder.pid}/ns/net")
        eventually(lambda: there.readlink() != own)
        sh("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
        sh("ip", "link", "set", "far", "netns", self.holder.pid)
        for address in ["192.0.2.1/24", "2001:db8:1::1/64"]:
            sh("ip", "address", "add", address, "dev", "near",
               *(["nodad"] if ":" in address else []))  # fmt: skip
        sh("ip", "link", "set", "near", "up")
        self.run("ip", "link", "set", "far", "up")
        for address in ["192.0.2.2/24", "2001:db8:1::2/64"]:
            self.address(address)
        for source in [*LISTED, *FREE]:
            length = 128 if ":" in source else 32
            self.address(f"{source}/{length}")
            sh("ip", "route", "add", f"{source}/{length}", "dev", "near")
        # Neighbour discovery takes a second or two at first.
        eventually(lambda: self.passing() == {*LISTED, *FREE})
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()

    def inside(self, *command):
        return ["nsenter", "--net", "-t", str(self.holder.pid),
                *(str(part) for part in command)]  # fmt: skip

    def run(self, *command):
        return sh(*self.inside(*command))

    def address(self, address):
        self.run("ip", "address", "add", address, "dev", "far",
                 *(["nodad"] if ":" in address else []))  # fmt: skip

    def passing(self):
        """Which of all sources reach a socket of ours."""
        with Receiver() as receiver:
            sender = self.flood(receiver.port, count=5)
            sender.wait(PATIENCE)
            time.sleep(0.2)
        return set(receiver.counts)

    def flood(self, port, count=0):
        """Sends from every source in turn; for ever if there is no count."""
        return subprocess.Popen(
            self.inside(sys.executable, __file__, port, count)
        )


class Receiver:
    """Counts datagrams by the address they come from."""

    def __enter__(self):
        self.counts, self.open = {}, True
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(("::", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.count)
        self.thread.start()
        return self

    def count(self):
        while self.open:
            try:
                source = self.socket.recvfrom(16)[1][0].removeprefix("::ffff:")
            except TimeoutError:
                continue
            self.counts[source] = self.counts.get(source, 0) + 1

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
        self.socket.close()


def flood(port, count):
    """Runs in the namespace of the neighbour."""
    senders = []
    for source in [*LISTED, *FREE]:
        v6 = ":" in source
        sender = socket.socket(
            socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM
        )
        sender.bind((source, 0))
        senders.append((sender, "2001:db8:1::1" if v6 else "192.0.2.1"))
    rounds = 0
    while not count or rounds < count:
        for sender, target in senders:
            with contextlib.suppress(OSError):
                sender.sendto(b"x", (target, port))
        rounds += 1
        time.sleep(0.05 if count else 0.0003)


if __name__ == "__main__":
    flood(int(sys.argv[1]), int(sys.argv[2]))
