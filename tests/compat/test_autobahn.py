"""Proves that our WebSockets speak RFC 6455, judged by the Autobahn suite.

The suite drives the example `ws_echo` of crates/api, which answers over the
same code as the live stream. autobahn_expected.json has the verdict of each
case; FAILED is never expected. Cases 12 and 13 (compression) are left out,
since we do not offer compression.

The suite runs on Python 2.7 only. Without one (a `python2.7`, or one that
pyenv keeps) it is skipped.
"""

import glob
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from asgard_server import Process

SUITE = "autobahntestsuite==0.8.2"
EXPECTED = pathlib.Path(__file__).parent / "autobahn_expected.json"
START = "from autobahntestsuite.wstest import run; run()"
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
SECONDS = 240


def python2():
    """A Python 2.7 that starts."""
    kept = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = [
        shutil.which("python2.7"),
        *glob.glob(f"{kept}/versions/2.7*/bin/python2.7"),
    ]
    for python in reversed(list(filter(None, found))):
        tried = subprocess.run(
            [python, "-c", "import ssl"], capture_output=True, timeout=60
        )
        if tried.returncode == 0:
            return python
    pytest.skip("no Python 2.7 here, and Debian 12 has none")


def suite(tools, python):
    """Installs the suite once; where it is."""
    where = tools / "autobahn"
    if (where / "pins").is_file() and (where / "pins").read_text() == SUITE:
        return where
    shutil.rmtree(where, ignore_errors=True)
    made = subprocess.run(
        [python, "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--target", str(where), SUITE],
        capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(where, ignore_errors=True)
        pytest.skip("the Autobahn suite could not be installed on Python 2.7")
    # Without this file `pip --target` leaves a package that cannot be found.
    (where / "zope" / "__init__.py").touch()
    (where / "pins").write_text(SUITE)
    return where


@pytest.fixture(scope="module")
def verdicts(request, tools, tmp_path_factory):
    echo = request.config.getoption("--echo-server")
    if not echo:
        pytest.skip("no echo server was given (--echo BINARY)")
    python = python2()
    where = suite(tools, python)
    directory = tmp_path_factory.mktemp("autobahn")
    with Process(echo) as server:
        spec = {
            "outdir": str(directory / "report"),
            "options": {"failByDrop": False},
            "servers": [{"agent": "asgard", "url": f"ws://{server.host}/echo"}],
            "cases": CASES,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (directory / "spec.json").write_text(json.dumps(spec))
        ran = subprocess.run(
            [python, "-c", START, "-m", "fuzzingclient", "-s", "spec.json"],
            cwd=directory, capture_output=True, text=True, timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": str(where)},
        )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    index = json.loads((directory / "report" / "index.json").read_text())
    results = index["asgard"]
    return {
        case: [result["behavior"], result["behaviorClose"]]
        for case, result in sorted(
            results.items(),
            key=lambda item: [int(n) for n in item[0].split(".")],
        )
    }


def test_no_case_fails(verdicts, record_property):
    record_property("cases", len(verdicts))
    assert len(verdicts) > 240
    good = {"OK", "NON-STRICT", "INFORMATIONAL"}
    failed = {c: found for c, found in verdicts.items() if set(found) - good}
    assert failed == {}


def test_every_verdict_is_the_expected_one(verdicts):
    """A case that gets better is to be written down as well."""
    if not EXPECTED.is_file():
        EXPECTED.write_text(
            json.dumps(verdicts, indent=0)
            .replace('[\n"', '["')
            .replace('",\n"', '", "')
            .replace('"\n]', '"]')
            + "\n"
        )
        pytest.fail(
            "autobahn_expected.json was missing and is written: read it"
        )
    assert verdicts == json.loads(EXPECTED.read_text())
