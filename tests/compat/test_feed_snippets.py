"""Proves that the clients of the published threat feed work as they stand.

curl, Python, bash and Go, copied letter by letter into snippets/; at run time
the host and the key are replaced, nothing else. Every client must print the
whole list, in its order.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

SNIPPETS = pathlib.Path(__file__).parent / "snippets"
HOST = "https://api.gen0sec.com"
KEY = "your-api-key"
RULE = {
    "name": "seed",
    "block": {
        "ips": [
            "192.168.1.0/24", "192.168.1.100", "10.0.0.0/8",
            "2001:db8::/32", "2001:db8::1",
        ],
    },
}  # fmt: skip
LIST = [
    "10.0.0.0/8", "192.168.1.0/24", "192.168.1.100/32",
    "2001:db8::/32", "2001:db8::1/128",
]  # fmt: skip


@pytest.fixture(scope="module")
def key(asgard):
    """A key of an organisation that blocks the example of the document."""
    writer = asgard.make_key("rules:write", org="seed-002")
    device = asgard.make_key("feed:read", org="seed-002")
    # A running server notices keys within half a second; the command waits.
    made = asgard.ask("POST", "/v1/access-rules", writer, body=RULE)
    assert made.status == 201, made.body
    return device


def run(command, text, suffix):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / f"main{suffix}"
        file.write_text(text)
        environment = {**os.environ, "HOME": directory, "GOFLAGS": ""}
        ended = subprocess.run(
            [*command, str(file)], cwd=directory, env=environment,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def snippet(name, asgard, key):
    text = (SNIPPETS / name).read_text().split("\n", 1)[1]
    assert HOST in text and KEY in text
    return text.replace(HOST, asgard.url).replace(KEY, key)


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_the_curl_request_prints_the_list(asgard, key, scheme):
    text = snippet(f"feeds-curl-{scheme}.sh", asgard, key)
    assert run(["bash"], text, ".sh") == LIST


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_the_bash_script_names_every_entry(asgard, key, scheme):
    text = snippet(f"feeds-bash-{scheme}.sh", asgard, key)
    assert run(["bash"], text, ".sh") == [f"Blocking: {x}" for x in LIST]


@pytest.mark.parametrize("scheme", ["bearer", "basic", "manual"])
def test_the_python_client_names_every_entry(asgard, key, scheme):
    text = snippet(f"feeds-python-{scheme}.py", asgard, key)
    assert run([sys.executable], text, ".py") == [
        f"Block IP: {x}" for x in LIST
    ]


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_the_go_client_names_every_entry(asgard, key, scheme):
    if not shutil.which("go"):
        pytest.skip("no Go toolchain")
    text = snippet(f"feeds-{scheme}.go", asgard, key)
    assert run(["go", "run"], text, ".go") == [f"Block IP: {x}" for x in LIST]
