"""Many WebSocket clients in one process, on bare sockets.

Proves nothing itself: test_stream.py starts it and judges what it reports.
No library is used, so that ten thousand clients cost next to nothing and the
figures are the server's.

    watchers.py PORT KEY idle COUNT EVENTS
    watchers.py PORT KEY crowd COUNT SLOW EVENTS

Prints `connected`, then, once every client has got its events or `done` on
standard input says so, one JSON object. A crowd answers each number on standard
input with `reached`, once every reader has got as many events: so that whoever
causes them is no faster than readers on a busy machine. Moments are of the monotonic clock,
which all processes of a machine share.
"""

import itertools
import json
import re
import select
import socket
import struct
import sys
import time
import zlib

WAVE = 100
PATIENCE = 120
RESPITE = 20
IDENTITY = re.compile(rb'"id": ?(\d+)')


def connect(number, port, key, receive_buffer=None):
    """A TCP connection that has asked for the stream."""
    peer = socket.socket()
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    # The ephemeral ports of one address might not suffice; all of 127/8 is
    # this machine.
    peer.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    peer.bind((f"127.0.0.{2 + number % 8}", 0))
    peer.settimeout(30)
    peer.connect(("127.0.0.1", port))
    peer.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nX-API-Key: {}\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".format(
            key
        ).encode()
    )
    return peer


def upgraded(peer):
    """Reads the head of the answer, byte by byte, and nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte:
            raise SystemExit(f"closed after {head!r}")
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"not upgraded: {head!r}")


def connect_all(port, key, count, receive_buffer=None):
    peers = []
    while len(peers) < count:
        wave = range(len(peers), min(len(peers) + WAVE, count))
        opened = [connect(n, port, key, receive_buffer) for n in wave]
        for peer in opened:
            upgraded(peer)
            peer.setblocking(False)
        peers += opened
    return {peer.fileno(): peer for peer in peers}


def poll_of(peers, *more):
    poll = select.epoll()
    for descriptor in [*peers, *more]:
        poll.register(descriptor, select.EPOLLIN)
    return poll


def idle(port, key, count, events):
    """When did each client get each of a few events?"""
    peers = connect_all(port, key, count)
    poll = poll_of(peers)
    print("connected", flush=True)
    got = {descriptor: 0 for descriptor in peers}
    moments = [[] for _ in range(events)]
    lost = 0
    end = time.monotonic() + PATIENCE
    while len(moments[-1]) + lost < count and time.monotonic() < end:
        for descriptor, _ in poll.poll(1, count):
            now = time.monotonic()
            data = peers[descriptor].recv(4096)
            if not data or data[0] & 0x0F == 8:
                lost += 1
                poll.unregister(descriptor)
                continue
            for _ in IDENTITY.findall(data):
                moments[got[descriptor]].append(now)
                got[descriptor] += 1
    return {"moments": moments, "lost": lost}


class Reader:
    """What a client that reads has got: how many, and a sum over the order."""

    def __init__(self):
        self.count = self.sum = self.last = 0
        self.rising, self.closed = True, False
        self.tail = b""

    def take(self, data):
        data = self.tail + data
        cut = data.rfind(b"}") + 1
        self.tail = data[cut:]
        self.closed = self.tail[:1] == b"\x88"  # a close frame
        identities = IDENTITY.findall(data[:cut])
        if not identities:
            return
        self.count += len(identities)
        self.sum = zlib.crc32(b",".join(identities) + b",", self.sum)
        numbers = [self.last, *map(int, identities)]
        self.rising &= all(a < b for a, b in itertools.pairwise(numbers))
        self.last = numbers[-1]


def drain(peers):
    """Lets the slow read on, all at once, to the end of their streams."""
    data = {descriptor: bytearray() for descriptor in peers}
    ends = {}
    poll = poll_of(peers)
    until = time.monotonic() + RESPITE
    while len(ends) < len(peers) and time.monotonic() < until:
        for descriptor, _ in poll.poll(1):
            try:
                chunk = peers[descriptor].recv(1 << 16)
            except OSError as error:
                chunk, ends[descriptor] = b"", type(error).__name__
            data[descriptor] += chunk
            if not chunk:
                ends.setdefault(descriptor, None)
                poll.unregister(descriptor)
    return [frames(data[d], ends.get(d, "no end")) for d in peers]


def frames(data, end):
    """How many events there were, and the close code, or how it ended."""
    at, events = 0, 0
    while at + 2 <= len(data):
        opcode, length = data[at] & 0x0F, data[at + 1] & 0x7F
        at += 2
        if length == 126:
            (length,) = struct.unpack_from("!H", data, at)
            at += 2
        if opcode == 8 and length >= 2:
            (end,) = struct.unpack_from("!H", data, at)
        events += opcode == 1
        at += length
    return {"end": end, "events": events}


def crowd(port, key, count, slow, events):
    """Do the readers get everything while others have stopped reading?"""
    stopped = connect_all(port, key, slow, receive_buffer=4096)
    peers = connect_all(port, key, count)
    readers = {descriptor: Reader() for descriptor in peers}
    poll = poll_of(peers, sys.stdin.fileno())
    print("connected", flush=True)
    end, goal = None, None
    while end is None or time.monotonic() < end:
        if all(r.closed or r.count >= events for r in readers.values()):
            break
        if goal and all(r.closed or r.count >= goal for r in readers.values()):
            goal = None
            print("reached", flush=True)
        for descriptor, _ in poll.poll(1, count):
            if descriptor == sys.stdin.fileno():
                word = sys.stdin.readline().strip()
                if word.isdecimal():
                    goal = int(word)
                    continue
                # All events were caused: who lacks some has a last respite.
                poll.unregister(descriptor)
                end = time.monotonic() + RESPITE
                continue
            data = peers[descriptor].recv(1 << 18)
            readers[descriptor].take(data)
            if not data:
                readers[descriptor].closed = True
                poll.unregister(descriptor)
    return {
        "counts": sorted({r.count for r in readers.values()}),
        "sums": len({r.sum for r in readers.values()}),
        "rising": all(r.rising for r in readers.values()),
        "closed": sum(r.closed for r in readers.values()),
        "slow": drain(stopped),
    }


if __name__ == "__main__":
    mode = {"idle": idle, "crowd": crowd}[sys.argv[3]]
    told = mode(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[4:]))
    json.dump(told, sys.stdout)
