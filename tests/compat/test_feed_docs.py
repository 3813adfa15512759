"""Proves that the commands of docs/feeds do what the pages say.

Every `sh` and `python` block of every page is executed, in namespaces of its
own, with the real programs; what cannot be executed is marked `text`, and the
page says so in its first line. The fetcher that the pages share must never
replace a list by anything but a whole new one.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from feed_server import KEY, FeedServer

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "feeds"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
FETCHER = DOCS / "asgard-feed"

# What pages call beyond a shell and asgard-feed.
PROGRAMS = {
    "agent": ["nft"],
    "aws-waf": ["jq"], "bird": ["bird"], "cloudflare": ["jq"],
    "dns": ["named-checkconf", "named-checkzone", "unbound-checkconf"],
    "dnsdist": ["dnsdist"], "exabgp": ["exabgp"], "frr": ["vtysh"],
    "haproxy": ["haproxy"], "ipset": ["ipset", "iptables"],
    "nftables": ["nft"], "nginx": ["nginx"], "programs": ["jq", "mmdblookup"],
    "squid": ["squid"], "stix": ["jq"],
}  # fmt: skip


@pytest.fixture(scope="module")
def render(request):
    binary = request.config.getoption("--render")
    if not binary:
        pytest.skip("no --render, the example `render` of crates/policy")
    return binary


def blocks(page):
    text = (DOCS / f"{page}.md").read_text()
    return re.findall(r"^```(\w*)$", text, re.MULTILINE)[::2]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if {"sh", "python"} & set(blocks(page))]
)
def test_commands_of_a_page(page, render, binary):
    for program in ["unshare", "curl", "openssl", *PROGRAMS.get(page, [])]:
        if not shutil.which(program):
            pytest.skip(f"{program} not installed")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--net", "--mount", *user, sys.executable,
         HERE / "docs_runner.py", DOCS / f"{page}.md", render, binary],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if "mount" in done.stderr and "--- " not in done.stdout:
        pytest.skip("no mounts in a namespace of its own here")
    assert done.returncode == 0, said[-3000:]
    assert "--- executed" in done.stdout


def test_what_is_not_executed_is_said_in_the_first_line():
    for page in PAGES:
        first = (DOCS / f"{page}.md").read_text().splitlines()[0]
        languages = set(blocks(page))
        assert languages <= {"sh", "python", "text"}, page
        said = re.match("> .*not executed", first, re.IGNORECASE)
        assert said or (first.startswith("# ") and "text" not in languages), page
        assert languages & {"sh", "python"} or said, page


def test_the_readme_leads_to_every_page_and_every_format(render, tmp_path):
    readme = (DOCS / "README.md").read_text()
    linked = set(re.findall(r"\]\(([\w-]+)\.md\)", readme))
    assert linked == set(PAGES) - {"README"}
    subprocess.run(
        [render, "--all", tmp_path, "--confirm", "--max", "9"],
        input=b"1.10.16.0/20\n", check=True, timeout=60,
    )  # fmt: skip
    named = set(re.findall(r"`([\w.-]+)`", readme))
    missing = {path.name for path in tmp_path.iterdir()} - named
    assert not missing, missing


def test_a_page_never_loads_what_it_did_not_check():
    """The mistakes of older recipes: no check, a gap, whole-Internet loops."""
    for page in PAGES:
        text = (DOCS / f"{page}.md").read_text()
        code = "\n".join(
            re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.DOTALL)
        )
        assert "ipset flush" not in code, page
        assert not re.search(r"curl[^\n]*\|\s*(sh|bash|xargs|nft|ipset)", code)
        assert "whois" not in code and "update-interval 3600" not in code, page
        assert "--insecure" not in code and " -k " not in code.replace(
            "squid -k ", "squid "), page


# ---- the fetcher ------------------------------------------------------------


@pytest.fixture
def server(render):
    with FeedServer(render) as running:
        yield running


@pytest.fixture
def fetch(server, tmp_path):
    """Runs asgard-feed against the server, into tmp_path/list."""
    config = tmp_path / "feed.conf"
    config.write_text(f"ASGARD_URL={server.url}\nASGARD_KEY={KEY}\n")

    def run(format="plain", *command):
        return subprocess.run(
            [FETCHER, format, tmp_path / "list", *command],
            env={**os.environ, "ASGARD_FEED_CONF": str(config)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


def test_a_list_is_fetched_once_and_then_only_asked_for(fetch, server, tmp_path):
    assert fetch().returncode == 0
    file = tmp_path / "list"
    assert file.read_bytes() == server.body("/v1/threat/feeds/plain")
    before = file.stat()
    assert fetch().returncode == 0
    assert file.stat().st_ino == before.st_ino, "replaced without need"
    assert server.seen[-1][2]["If-None-Match"].startswith('W/"')
    server.lines = server.lines[:7]
    assert fetch().returncode == 0
    assert len(file.read_text().splitlines()) == 7
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"feed.conf", "list", "list.etag"}


def test_a_lost_file_is_fetched_again(fetch, tmp_path):
    fetch()
    (tmp_path / "list").unlink()
    assert fetch().returncode == 0
    assert (tmp_path / "list").stat().st_size > 0


@pytest.mark.parametrize(
    "fault", [401, 403, 404, 429, 500, 503, "empty", "cut", "damaged"]
)
def test_no_fault_replaces_a_list(fetch, server, tmp_path, fault):
    fetch()
    good = (tmp_path / "list").read_bytes()
    etag = (tmp_path / "list.etag").read_bytes()
    server.lines = server.lines[:7]
    server.fault = fault
    failed = fetch()
    assert failed.returncode != 0 and failed.stderr, "nobody was told"
    assert (tmp_path / "list").read_bytes() == good
    assert (tmp_path / "list.etag").read_bytes() == etag
    server.fault = None
    assert fetch().returncode == 0
    assert len((tmp_path / "list").read_text().splitlines()) == 7


def test_a_server_that_is_away_changes_nothing(fetch, server, tmp_path):
    fetch()
    good = (tmp_path / "list").read_bytes()
    config = tmp_path / "feed.conf"
    config.write_text(f"ASGARD_URL=http://127.0.0.1:1\nASGARD_KEY={KEY}\n")
    assert fetch().returncode != 0
    assert (tmp_path / "list").read_bytes() == good


def test_a_list_that_the_device_refuses_is_tried_again(fetch, server, tmp_path):
    fetch()
    good = (tmp_path / "list").read_bytes()
    server.lines = server.lines[:7]
    assert fetch("plain", "false").returncode != 0
    assert (tmp_path / "list").read_bytes() == good
    assert fetch("plain", "grep", "-q", "1.10").returncode == 0
    assert len((tmp_path / "list").read_text().splitlines()) == 7


def test_the_key_is_in_no_argument(fetch, tmp_path):
    """A program that the fetcher runs sees all arguments of its parents."""
    spy = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    shown = fetch("plain", "sh", "-c", spy)
    assert shown.returncode == 0 and "asgard-feed" in shown.stdout
    assert KEY not in shown.stdout
