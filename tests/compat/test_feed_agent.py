"""Proves that `asgard agent` keeps a firewall equal to a feed, and safe.

The real binary, real servers and servers that do wrong, real nft and ipset in a
network namespace, and packets that are really dropped: agent_checks.py has the
checks, one namespace each.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import agent_checks

HERE = pathlib.Path(__file__).parent
UNIT = HERE.parents[1] / "etc" / "asgard-agent.service"
CASES = [
    (check.__name__, kind)
    for check in agent_checks.CHECKS
    for kind in ("nft", "ipset")
    if kind == "nft" or check.__name__ not in agent_checks.NFT_ONLY
]


@pytest.mark.parametrize(("check", "kind"), CASES)
def test_agent(check, kind, binary, record_property):
    programs = {"nft": ["nft"], "ipset": ["ipset", "iptables", "ip6tables"]}
    for program in ["unshare", "nsenter", "ip", "setpriv", *programs[kind]]:
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    if user and check == "a_user_with_net_admin_alone_can_do_it":
        pytest.skip("needs root: another user is not in the namespace")
    done = subprocess.run(
        ["unshare", "--net", *user, sys.executable, HERE / "agent_checks.py",
         check, kind, binary],
        capture_output=True, text=True, timeout=180,
        env={**os.environ, "ASGARD_PROMTOOL": shutil.which("promtool") or ""},
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("no network namespaces here")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    told, _, end = done.stdout.rpartition("--- held")
    assert end.strip() == "" and "--- held" in done.stdout
    if told.strip():
        record_property("seen", told.strip())


def test_the_unit_of_the_agent_is_one(binary, tmp_path):
    """systemd's own check, with the program where the unit expects it."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze not installed")
    text = UNIT.read_text()
    assert "ExecStart=/usr/bin/asgard agent nft " in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/usr/bin/asgard", str(binary)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0 and UNIT.name not in said, said
    # A directive that systemd does not know must be found, or this proves
    # nothing.
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHom="))
    broken = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "ProtectHom" in broken.stdout + broken.stderr, broken


def test_the_unit_gives_one_capability_and_little_else(tmp_path):
    """The exposure that systemd computes: 0 is none, 10 is all."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze not installed")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         "--threshold=25", UNIT],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:] + done.stderr
