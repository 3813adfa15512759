"""Sends a packet from every address named, to itself, and prints those that
did not arrive. Runs inside a network namespace whose loopback is up.

Proves nothing itself. The addresses are put on the loopback of the namespace;
nothing can leave it.
"""

import ipaddress
import socket
import subprocess
import sys


def arrives(text):
    """Whether a datagram from this address reaches a socket here."""
    version = ipaddress.ip_address(text).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    bits = "32" if version == 4 else "128"
    subprocess.run(["ip", "address", "add", f"{text}/{bits}", "dev", "lo"]
                   + (["nodad"] if version == 6 else []), check=True)
    home = "127.0.0.1" if version == 4 else "::1"
    with (
        socket.socket(family, socket.SOCK_DGRAM) as listener,
        socket.socket(family, socket.SOCK_DGRAM) as sender,
    ):
        listener.bind((home, 0))
        listener.settimeout(0.3)
        sender.bind((text, 0))
        try:
            sender.sendto(b"probe", listener.getsockname())
            return listener.recv(16) == b"probe"
        except (TimeoutError, PermissionError):
            return False


for address in sys.argv[1:]:
    if not arrives(address):
        print(address)
