"""Proves that a real browser passes both challenges through the gateway, and
that their pages are what docs/gateway/challenge.md says.
"""

import json
import pathlib
import shutil
import subprocess

import pytest

from gateway_server import Gateway, backend

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def gateway(binary, tmp_path_factory):
    with backend() as port:
        gateway = Gateway(binary, tmp_path_factory.mktemp("gateway"), port)
        yield gateway
        gateway.stop()


@pytest.fixture(scope="module")
def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium, and it could not be installed")


@pytest.mark.parametrize("path", ["/patience", "/work"])
def test_a_browser_passes(path, gateway, browser, node_modules):
    done = subprocess.run(
        ["node", HERE / "clients" / "challenge.mjs", browser,
         f"{gateway.proxy}{path}?q=1"],
        env={"NODE_PATH": str(node_modules), "HOME": "/tmp",
             "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"] == 403
    assert seen["title"] == "The shop"
    assert seen["url"].endswith(f"{path}?q=1")
    assert seen["errors"] == []
    assert seen["foreign"] == []
    seen_in_time = [False, None] if path == "/work" else [False]
    assert seen["overflow"] in seen_in_time, "wider than 360 px"
    assert seen["cookieShown"] is False, "the backend saw the pass"
    assert seen["again"] == 200
