"""Executes the commands of a page of docs/feeds, in a machine of its own.

    docs_runner.py PAGE RENDER-BINARY ASGARD-BINARY

Proves nothing itself. Must be started by `unshare --net --mount`: it mounts a
throw-away layer over /etc, /var, /opt and /usr/local, so that the pages can write
where they say, and serves lists on the loopback of the namespace. Only the
server's address and the key are put in. `systemctl` is a stand-in that says
yes: no service manager runs here.
"""

import pathlib
import re
import subprocess
import sys

from feed_server import KEY, FeedServer

ROOT = pathlib.Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sh(*command):
    subprocess.run(command, check=True)


def own_machine(directory):
    """Layers that vanish with the mount namespace."""
    sh("mount", "--make-rprivate", "/")
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    for place in ["/etc", "/var", "/opt", "/usr/local"]:
        layer = directory / place.replace("/", "_")
        for part in ["upper", "work"]:
            (layer / part).mkdir(parents=True)
        sh("mount", "-t", "overlay", "overlay", "-o",
           f"lowerdir={place},upperdir={layer}/upper,workdir={layer}/work",
           place)  # fmt: skip
    sh("ip", "link", "set", "lo", "up")


def prepare(url, home, asgard):
    """What the README sets up, the stand-in, and what the first start of
    unbound does."""
    home.mkdir()
    anchor = pathlib.Path("/usr/share/dns/root.key")
    if anchor.exists() and pathlib.Path("/var/lib/unbound").is_dir():
        pathlib.Path("/var/lib/unbound/root.key").write_bytes(
            anchor.read_bytes())  # fmt: skip
    for folder in ["docs", "etc"]:
        (home / folder).symlink_to(ROOT / folder)
    pathlib.Path("/usr/local/bin/asgard").symlink_to(asgard)
    stand_in = pathlib.Path("/usr/local/sbin/systemctl")
    stand_in.write_text("#!/bin/sh\nexit 0\n")
    stand_in.chmod(0o755)
    tool = pathlib.Path("/usr/local/bin/asgard-feed")
    tool.write_bytes((ROOT / "docs/feeds/asgard-feed").read_bytes())
    tool.chmod(0o755)
    pathlib.Path("/etc/asgard").mkdir(exist_ok=True)
    pathlib.Path("/var/lib/asgard").mkdir(exist_ok=True)
    pathlib.Path("/etc/asgard/feed.conf").write_text(
        f"ASGARD_URL={url}\nASGARD_KEY={KEY}\n"
    )


def main(page, render, asgard):
    directory = pathlib.Path("/run/asgard-docs")
    own_machine(directory)
    home = directory / "home"
    with FeedServer(render) as server:
        prepare(server.url, home, asgard)
        text = pathlib.Path(page).read_text()
        text = text.replace("https://asgard.example.net", server.url)
        text = text.replace("your-api-key", KEY)
        shells = {"sh": ["bash", "-euo", "pipefail", "-c"],
                  "python": [sys.executable, "-c"]}  # fmt: skip
        for language, block in FENCE.findall(text):
            if language not in shells:
                continue
            print(f"--- {language}\n{block}", flush=True)
            done = subprocess.run(
                [*shells[language], block], cwd=home, timeout=60,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            if done.returncode != 0:
                sys.exit(f"ended with {done.returncode}")
        print("--- executed")


main(*sys.argv[1:])
