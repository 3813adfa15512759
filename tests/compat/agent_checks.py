"""Checks of `asgard agent`, each run in a network namespace of its own.

    agent_checks.py CHECK nft|ipset BINARY

Proves what test_feed_agent.py says; that file starts this one with `unshare`.
A check is a function of a World; it fails by an assertion.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import agent_world
from agent_world import (
    BLOCK, FREE, KEY, LISTED, PATIENCE, Lists, Receiver, World, eventually, sh,
)  # fmt: skip
from asgard_server import Asgard, fetch

# Exit codes of --once.
OK, MACHINE, USAGE, NOT_FOUND, BAD_KEY, LIMITED, AWAY, REFUSED = (
    0, 1, 2, 3, 4, 5, 6, 11)  # fmt: skip

OTHERS = [f"1.{n}.0.0/16" for n in range(1, 40, 2)]
LINES = [*OTHERS, *BLOCK]


def ends(done, code):
    assert done.returncode == code, (code, done)
    return done.stdout + done.stderr


# ---- the real server --------------------------------------------------------


def organisation(server):
    """Keys of an organisation: one that writes rules, one of a firewall."""
    return (server.make_key("rules:write", org="acme"),
            server.make_key("feed:read", org="acme"))  # fmt: skip


def signal_events(server, key, action, addresses):
    events = [{"type": "access_rules", "action": action, "ip": address}
              for address in addresses]  # fmt: skip
    answer = server.ask("POST", "/v1/signal", key, body=events)
    assert answer.json["success"], answer.body


def a_listed_address_is_dropped_and_another_passes(world):
    neighbour = world.neighbour()
    assert neighbour.passing() == {*LISTED, *FREE}, "the way is open"
    with Asgard(world.binary) as server:
        writer, key = organisation(server)
        signal_events(server, writer, "block", BLOCK)
        public = world.dir / "asgard.pub"
        public.write_bytes(
            server.get("/v1/threat/feeds/key", key).body)  # fmt: skip
        flags = [*world.chain(), "--public-key", str(public)]
        said = ends(world.once(server.url, *flags, key=key), OK)
        assert "1 IPv4 and 1 IPv6" in said, said
        world.hook()
        assert world.holds(BLOCK)
        assert neighbour.passing() == set(FREE)
        said = ends(world.once(server.url, *flags, key=key), OK)
        assert said.startswith("unchanged"), said
        # The whole URL of a part of the feed.
        part = f"{server.url}/v1/threat/feeds?ipv6only"
        ends(world.once(part, *flags, "--param", "aggregate", key=key), OK)
        assert neighbour.passing() == {LISTED[0], *FREE}
        ends(world.once(server.url, *flags, key=key), OK)
        assert neighbour.passing() == set(FREE)
        # What was blocked is opened, and something else blocked.
        signal_events(server, writer, "unblock", BLOCK[:1])
        signal_events(server, writer, "block", FREE[:1])
        ends(world.once(server.url, *flags, key=key), OK)
        assert neighbour.passing() == {LISTED[0], FREE[1]}


def a_list_that_another_key_signed_is_refused(world):
    with Asgard(world.binary) as server, Asgard(world.binary) as other:
        writer, key = organisation(server)
        public = world.dir / "asgard.pub"
        other_key = organisation(other)[1]
        public.write_bytes(other.get("/v1/threat/feeds/key", other_key).body)
        signal_events(server, writer, "block", BLOCK)
        flags = ["--public-key", str(public)]
        said = ends(world.once(server.url, *flags, key=key), REFUSED)
        assert "another key has signed" in said, said
        assert world.held() is None and world.kept() is None
        edl = f"{server.url}/feeds/edl?expand=prefixes&guard=on"
        ends(world.once(edl, *flags, key=key), USAGE)
        said = ends(world.once(edl, key=key), OK)
        text = fetch(edl, headers={"X-API-Key": key}).body.decode()
        assert text and world.holds(text.split()), said


def bad_keys_and_feeds_have_exit_codes_of_their_own(world):
    with Asgard(world.binary, "--rate-limit", "0") as server:
        key = organisation(server)[1]
        ends(world.once(server.url, key=key), REFUSED)
        ends(world.once(server.url, "--allow-empty", key=key), OK)
        ends(world.once(server.url, key="nonsense"), BAD_KEY)
        ends(world.once(server.url, key=server.key), BAD_KEY)
        unknown = f"{server.url}/v1/threat/feeds?version=999"
        ends(world.once(unknown, key=key), NOT_FOUND)
        said = ends(world.once(server.url, "--param", "nope=1", key=key), USAGE)
        assert "422" in said, said
        for form in ["nft", "ipset", "json"]:
            url = f"{server.url}/v1/threat/feeds/{form}"
            ends(world.once(url, key=key), USAGE)


def while_the_server_is_away_the_last_good_list_stays(world):
    neighbour = world.neighbour()
    flags = [*world.chain(), "--interval", "1s"]
    with Asgard(world.binary) as server:
        writer, key = organisation(server)
        signal_events(server, writer, "block", BLOCK)
        agent = world.start(server.url, *flags, key=key)
        eventually(lambda: world.holds(BLOCK))
        world.hook()
        url = server.url
    eventually(lambda: "what was good stays" in agent.log.read_text())
    assert (seen := neighbour.passing()) == set(FREE), seen
    assert world.stop(agent) == 0
    assert neighbour.passing() == set(FREE), "an agent's end opens nothing"
    ends(world.once(url, *flags, key=key), AWAY)
    # A machine that starts while the server is away.
    world.reboot()
    assert neighbour.passing() == {*LISTED, *FREE}
    agent = world.start(url, *flags, key=key)
    eventually(lambda: world.holds(BLOCK))
    world.hook()
    assert (seen := neighbour.passing()) == set(FREE), seen
    # Somebody flushes the rules of a running agent.
    world.reboot()
    eventually(lambda: world.holds(BLOCK))
    assert world.stop(agent) == 0
    # A last good list that was damaged is none.
    good = next(world.state.glob("*.good"))
    good.write_bytes(good.read_bytes()[:-2])
    said = ends(world.once(url, *flags, key=key), AWAY)
    assert "damaged" in said, said
    assert world.holds(BLOCK)


# ---- servers that do wrong --------------------------------------------------

FAULTS = {
    "empty": REFUSED, "cut": AWAY, "damaged": REFUSED, "no_digest": REFUSED,
    "miscounted": REFUSED, "page": REFUSED, "commands": REFUSED,
    "everything": REFUSED, "half": REFUSED, "loopback": REFUSED,
    "shrunk": REFUSED, "huge": REFUSED, "endless": REFUSED, "redirect": AWAY,
    400: BAD_KEY, 401: BAD_KEY, 403: BAD_KEY, 404: NOT_FOUND, 429: LIMITED,
    204: AWAY, 500: AWAY, 502: AWAY, 503: AWAY,
}  # fmt: skip


def no_fault_of_a_server_changes_what_is_in_force(world):
    server = Lists(LINES)
    ends(world.once(server.url), OK)
    kept = world.kept()
    # A new list, so that every fault could do harm.
    server.lines = [*OTHERS, BLOCK[0]]
    for fault, code in FAULTS.items():
        server.fault = fault
        said = ends(world.once(server.url, "--max-size", "1"), code)
        assert "asgard: " in said, fault
        assert world.holds(LINES), fault
        assert world.kept() == kept, fault
    server.fault = None
    ends(world.once(server.url), OK)
    assert world.holds(server.lines)


def nothing_is_loaded_from_a_server_that_never_had_a_good_list(world):
    server = Lists(LINES)
    for fault in FAULTS:
        if fault == "shrunk":
            continue
        server.fault = fault
        done = world.once(server.url, "--max-size", "1")
        assert done.returncode != 0, (fault, done)
        assert world.held() is None and world.kept() is None, fault
    server.fault = "silent_304"
    ends(world.once(server.url), AWAY)
    assert world.held() is None


def a_list_may_shrink_when_the_operator_says_so(world):
    server = Lists(LINES)
    ends(world.once(server.url), OK)
    server.lines = LINES[:10]
    said = ends(world.once(server.url), REFUSED)
    assert "from 22 to 10 entries" in said, said
    ends(world.once(server.url, "--max-shrink", "60"), OK)
    assert world.holds(LINES[:10])
    server.lines = LINES[:1]
    ends(world.once(server.url, "--allow-shrink"), OK)
    assert world.holds(LINES[:1])
    server.lines = []
    ends(world.once(server.url, "--allow-shrink"), REFUSED)
    ends(world.once(server.url, "--allow-empty"), OK)
    assert world.holds([])
    # The same by a signal to an agent that runs.
    server.lines = LINES
    agent = world.start(server.url, "--interval", "1h")
    eventually(lambda: world.holds(LINES))
    server.lines = []
    agent.send_signal(signal.SIGHUP)
    eventually(lambda: "the list is empty" in agent.log.read_text())
    assert world.holds(LINES)
    agent.send_signal(signal.SIGUSR1)
    eventually(lambda: world.holds([]))
    assert world.stop(agent) == 0


def a_stale_or_old_list_never_replaces_a_newer_one(world):
    server = Lists(LINES)
    server.version = 5
    ends(world.once(server.url), OK)
    server.lines, server.version = LINES[:-1], 4
    server.headers = {"X-Feed-Stale": "90"}
    said = ends(world.once(server.url), REFUSED)
    assert "older than 5" in said and world.holds(LINES), said
    said = ends(world.once(server.url, "--allow-older"), OK)
    assert "can make no new list" in said, said
    assert world.holds(LINES[:-1])


# ---- rhythm -----------------------------------------------------------------


def an_unchanged_list_costs_no_body_and_changes_nothing(world):
    server = Lists(LINES)
    metrics = world.dir / "asgard.prom"
    agent = world.start(server.url, "--interval", "1s", "--metrics", metrics)
    eventually(lambda: server.polls() >= 4)
    tags = [headers["If-None-Match"] for _, _, headers in server.seen]
    assert tags[0] is None and all(tags[1:]), tags
    assert agent.log.read_text().count("a new list is in force") == 1
    gaps = [b[0] - a[0] for a, b in zip(server.seen, server.seen[1:])]
    assert all(0.8 < gap < 2.5 for gap in gaps), gaps
    text = eventually(lambda: metrics.exists() and metrics.read_text())
    assert 'entries{target="%s-asgard",family="ipv4"} ' % world.kind in text
    assert world.stop(agent) == 0
    if os.environ.get("ASGARD_PROMTOOL"):
        done = subprocess.run(
            [os.environ["ASGARD_PROMTOOL"], "check", "metrics"],
            input=metrics.read_bytes(), capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done


def a_round_without_change_costs_little_however_long_the_list(world):
    dice = random.Random(3)
    hosts = {f"{dice.randrange(20, 100)}.{dice.randrange(256)}."
             f"{dice.randrange(256)}.{dice.randrange(0, 256, 2)}/32"
             for _ in range(100_000)}  # fmt: skip
    server = Lists(sorted(hosts))

    def cpu_seconds(wanted):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ends(world.once(server.url), OK).startswith(wanted)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime
                - before.ru_utime - before.ru_stime)  # fmt: skip

    applied = cpu_seconds("applied")
    unchanged = min(cpu_seconds("unchanged") for _ in range(3))
    print(f"{len(hosts)} hosts: {applied:.2f} s of CPU time to apply, "
          f"{unchanged:.2f} s for a round without change")  # fmt: skip
    # A new process reads, checks and plans the kept list; the firewall's own
    # program must have next to nothing to do.
    limit = {"nft": applied / 3, "ipset": applied}[world.kind]
    assert unchanged < limit, (applied, unchanged)


def a_server_in_trouble_is_asked_when_it_wants_to_be(world):
    server = Lists(LINES)
    server.fault = 503
    server.headers = {"Retry-After": "3"}
    agent = world.start(server.url, "--interval", "1s")
    eventually(lambda: server.polls() >= 3)
    gaps = [b[0] - a[0] for a, b in zip(server.seen, server.seen[1:])]
    assert all(2.9 < gap < 5 for gap in gaps), gaps
    # Without its word, pauses grow: at least half of 1, 2, 4 s.
    server.headers = {}
    before = server.polls()
    eventually(lambda: server.polls() >= before + 3)
    late = server.seen[-1][0] - server.seen[-2][0]
    assert late > 3.5, late
    server.fault = None
    agent.send_signal(signal.SIGHUP)
    eventually(lambda: world.holds(LINES), 3)
    assert world.stop(agent) == 0


def a_swap_under_traffic_never_opens(world):
    dice = random.Random(7)
    neighbour = world.neighbour()
    shapes = [BLOCK, [*LISTED], ["203.0.113.0/25", "2001:db8:bad::/64"]]

    def some():
        """A list of 4,000 whose entry for the listed address has a shape of
        its own each time."""
        others = {f"{dice.randrange(20, 100)}.{dice.randrange(256)}."
                  f"{dice.randrange(256)}.0/24" for _ in range(4000)}  # fmt: skip
        return [*sorted(others), *dice.choice(shapes)]

    server = Lists(some())
    agent = world.start(server.url, *world.chain(), "--interval", "1h")
    eventually(lambda: world.kept())
    world.hook()
    swaps = 0
    with Receiver() as receiver:
        sender = neighbour.flood(receiver.port)
        try:
            eventually(lambda: receiver.counts.get(FREE[1]))
            end = time.monotonic() + 8
            while time.monotonic() < end:
                kept = world.kept()
                server.lines = some()
                agent.send_signal(signal.SIGHUP)
                eventually(lambda: world.kept() != kept)
                swaps += 1
        finally:
            sender.kill()
            sender.wait()
    assert world.stop(agent) == 0
    through = {source: receiver.counts.get(source, 0) for source in LISTED}
    passed = [receiver.counts.get(source, 0) for source in FREE]
    print(f"{swaps} swaps, {passed} packets passed, {through} of the listed")
    assert swaps >= 8 and min(passed) > 1000, (swaps, passed)
    assert not any(through.values()), through


# ---- what is ours and what is not -------------------------------------------


def foreign(world):
    """What somebody else has in the kernel."""
    if world.kind == "nft":
        sh("nft", "add table inet other; add set inet other block4 { type "
           "ipv4_addr; flags interval; }; add element inet other block4 "
           "{ 9.9.9.0/24 }; add table ip asgard")  # fmt: skip
        return lambda: (sh("nft", "list", "table", "inet", "other").stdout,
                        sh("nft", "list", "table", "ip", "asgard").stdout)  # fmt: skip
    sh("ipset", "create", "other4", "hash:net")
    sh("ipset", "add", "other4", "9.9.9.0/24")
    sh("ipset", "create", "asgard", "hash:net")
    return lambda: (sh("ipset", "save", "other4").stdout,
                    sh("ipset", "save", "asgard").stdout)  # fmt: skip


def occupy(world):
    """Somebody else's table or set under our name."""
    if world.kind == "nft":
        sh("nft", "add table inet asgard; add set inet asgard block4 { type "
           "ipv4_addr; flags interval; auto-merge; }; add element inet asgard "
           "block4 { 9.9.9.0/24 }")  # fmt: skip
    else:
        sh("ipset", "create", "asgard4", "hash:net")
        sh("ipset", "create", "asgard6", "hash:net", "family", "inet6")
        sh("ipset", "add", "asgard4", "9.9.9.0/24")


def what_others_have_made_is_left_alone(world):
    seen = foreign(world)
    before = seen()
    server = Lists(LINES)
    ends(world.once(server.url, *world.chain()), OK)
    assert seen() == before
    words = [*world.words(server.url), "--remove"]
    ends(sh(*words), OK)
    assert world.held() is None and world.kept() is None
    assert seen() == before
    assert "there was nothing" in ends(sh(*words), OK)


def a_name_that_is_taken_is_refused_unless_it_is_taken_over(world):
    occupy(world)
    server = Lists(LINES)
    said = ends(world.once(server.url), USAGE)
    assert "--adopt" in said, said
    assert world.holds(["9.9.9.0/24"])
    agent = world.start(server.url)
    assert agent.wait(PATIENCE) == USAGE
    ends(sh(*world.words(server.url), "--remove", check=False), USAGE)
    assert world.holds(["9.9.9.0/24"])
    ends(world.once(server.url, "--adopt"), OK)
    assert world.holds(LINES)
    server.lines = LINES[:-1]
    ends(world.once(server.url), OK)
    assert world.holds(LINES[:-1])


def names_can_be_chosen(world):
    server = Lists(LINES)
    if world.kind == "nft":
        flags = ["--table", "edge", "--set", "bad"]
        ends(world.once(server.url, *flags), OK)
        listed = sh("nft", "list", "set", "inet", "edge", "bad4").stdout
        assert "1.1.0.0/16" in listed
    else:
        flags = ["--set", "bad"]
        ends(world.once(server.url, *flags), OK)
        assert "1.1.0.0/16" in sh("ipset", "save", "bad4").stdout
    for name in ["a b", "a;flush ruleset", "-x", "", "x" * 27]:
        ends(world.once(server.url, f"--set={name}"), USAGE)


def what_uses_the_sets_must_go_before_them(world):
    server = Lists(LINES)
    ends(world.once(server.url, *world.chain()), OK)
    world.hook()
    remove = [*world.words(server.url), "--remove"]
    if world.kind == "nft":
        sh("nft", "add chain inet asgard mine { type filter hook input priority "
           "0; }; add rule inet asgard mine ip saddr @block4 drop")  # fmt: skip
        said = ends(sh(*remove, check=False), MACHINE)
        assert "chain mine" in said, said
        assert world.holds(LINES)
        sh("nft", "delete chain inet asgard mine")
    else:
        said = ends(sh(*remove, check=False), MACHINE)
        assert "rules that use" in said, said
        assert world.holds(LINES)
        for tables in ("iptables", "ip6tables"):
            sh(tables, "-F", "INPUT")
    ends(sh(*remove), OK)
    assert world.held() is None


def two_agents_cannot_fight(world):
    server = Lists(LINES)
    agent = world.start(server.url, "--interval", "1h")
    eventually(lambda: world.holds(LINES))
    said = ends(world.once(server.url), MACHINE)
    assert "another agent" in said, said
    ends(sh(*world.words(server.url), "--remove", check=False), MACHINE)
    assert world.stop(agent) == 0
    ends(world.once(server.url), OK)


def an_agent_takes_its_sets_along_only_if_it_is_told_to(world):
    server = Lists(LINES)
    agent = world.start(server.url, "--interval", "1h", "--remove-on-exit")
    eventually(lambda: world.holds(LINES))
    assert world.stop(agent) == 0
    assert world.held() is None and world.kept() is None


def a_killed_agent_leaves_a_whole_list(world):
    server = Lists([*LINES, *(f"{a}.{b}.0.0/17" for a in range(60, 90)
                              for b in range(256))])  # fmt: skip
    whole = server.lines
    ends(world.once(server.url), OK)
    for wait in [0.005, 0.02, 0.05, 0.1, 0.2, 0.3]:
        server.lines = (LINES + whole[200:] if server.lines == whole else whole)
        agent = world.start(server.url)
        before = server.polls()
        eventually(lambda: server.polls() > before)
        time.sleep(wait)
        agent.kill()
        agent.wait()
        if world.kind == "ipset":
            # What a killed agent has left beside the sets is not ours to see.
            sh("ipset", "destroy", "asgard4_new", check=False)
            sh("ipset", "destroy", "asgard6_new", check=False)
        now = world.held()
        lists = [whole, LINES + whole[200:]]
        assert now in [agent_world.union(agent_world.networks(each))
                       for each in lists], wait  # fmt: skip
    ends(world.once(server.url), OK)
    assert world.holds(server.lines)


def what_is_protected_is_never_blocked(world):
    server = Lists(LINES)
    ends(world.once(server.url, "--protect", "1.1.0.0/17"), OK)
    wanted = [line for line in LINES if line != "1.1.0.0/16"]
    assert world.holds([*wanted, "1.1.128.0/17"])
    ends(world.once(server.url), OK)
    assert world.holds(LINES)


def a_server_that_is_listed_stays_open(world):
    sh("ip", "address", "add", "203.0.113.77/32", "dev", "lo")
    server = Lists(LINES, host="203.0.113.77")
    ends(world.once(server.url), OK)
    held = world.held()[4]
    address = int.from_bytes(bytes([203, 0, 113, 77]), "big")
    for number in [address - 1, address, address + 1]:
        inside = any(first <= number <= last for first, last in held)
        assert inside == (number != address), (number, held)
    assert ends(world.once(server.url), OK).startswith("unchanged")
    # Only what answers last is open.
    other = Lists(LINES)
    ends(world.once(other.url), OK)
    assert world.holds(LINES)


def the_key_is_in_no_argument_and_no_log(world):
    server = Lists(LINES)
    agent = world.start(server.url, "-vv", "--interval", "1h")
    eventually(lambda: world.holds(LINES))
    # A key file that changes is read again.
    (world.dir / "key").write_text("another\n")
    agent.send_signal(signal.SIGHUP)
    eventually(lambda: "answered 401" in agent.log.read_text())
    with open(f"/proc/{agent.pid}/cmdline") as arguments:
        assert KEY not in arguments.read()
    assert world.stop(agent) == 0
    assert KEY not in agent.log.read_text()


def a_user_with_net_admin_alone_can_do_it(world):
    """What etc/asgard-agent.service gives: no root, one capability."""
    server = Lists(LINES)
    world.state.mkdir()
    for path in [world.dir, world.state]:
        path.chmod(0o777)
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin",
            "--bounding-set=-all,+net_admin", "--no-new-privs"]  # fmt: skip
    words = world.words(server.url, "--once", *world.chain())
    (world.dir / "key").chmod(0o644)
    said = ends(sh(*user, *words, check=False), OK)
    assert world.holds(LINES), said


def chains_come_and_go_with_their_options(world):
    neighbour = world.neighbour()
    server = Lists(LINES)
    chains = lambda: sorted(  # noqa: E731
        word for word in sh("nft", "-t", "list", "table", "inet", "asgard")
        .stdout.split() if word.startswith("agent_") and "input" in word
        or word in ("agent_forward", "agent_prerouting"))  # fmt: skip
    ends(world.once(server.url), OK)
    assert chains() == [] and neighbour.passing() == {*LISTED, *FREE}
    ends(world.once(server.url, "--chain", "prerouting"), OK)
    assert chains() == ["agent_prerouting"]
    assert (seen := neighbour.passing()) == set(FREE), seen
    ends(world.once(server.url, "--chain", "input,forward"), OK)
    assert chains() == ["agent_forward", "agent_input"]
    assert (seen := neighbour.passing()) == set(FREE), seen
    counted = sh("nft", "list", "counter", "inet", "asgard", "agent_dropped4")
    assert "packets 0 " not in counted.stdout, counted.stdout
    ends(world.once(server.url), OK)
    assert chains() == [] and neighbour.passing() == {*LISTED, *FREE}
    ends(world.once(server.url, "--chain", "output"), USAGE)


NFT_ONLY = {"chains_come_and_go_with_their_options"}
CHECKS = [
    a_listed_address_is_dropped_and_another_passes,
    a_list_that_another_key_signed_is_refused,
    bad_keys_and_feeds_have_exit_codes_of_their_own,
    while_the_server_is_away_the_last_good_list_stays,
    no_fault_of_a_server_changes_what_is_in_force,
    nothing_is_loaded_from_a_server_that_never_had_a_good_list,
    a_list_may_shrink_when_the_operator_says_so,
    a_stale_or_old_list_never_replaces_a_newer_one,
    an_unchanged_list_costs_no_body_and_changes_nothing,
    a_round_without_change_costs_little_however_long_the_list,
    a_server_in_trouble_is_asked_when_it_wants_to_be,
    a_swap_under_traffic_never_opens,
    what_others_have_made_is_left_alone,
    a_name_that_is_taken_is_refused_unless_it_is_taken_over,
    names_can_be_chosen,
    what_uses_the_sets_must_go_before_them,
    two_agents_cannot_fight,
    an_agent_takes_its_sets_along_only_if_it_is_told_to,
    a_killed_agent_leaves_a_whole_list,
    what_is_protected_is_never_blocked,
    a_server_that_is_listed_stays_open,
    the_key_is_in_no_argument_and_no_log,
    a_user_with_net_admin_alone_can_do_it,
    chains_come_and_go_with_their_options,
]


def main(name, kind, binary):
    check = next(check for check in CHECKS if check.__name__ == name)
    with World(binary, kind) as world:
        check(world)
    print("--- held")


if __name__ == "__main__":
    main(*sys.argv[1:])
