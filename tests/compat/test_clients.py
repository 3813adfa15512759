"""Proves that clients which others generate from our document work.

`openapi-python-client` makes a Python package, `openapi-typescript` types for
`openapi-fetch`. Both are made anew, both ask the running server, and the
TypeScript program in clients/ passes the strict compiler.
"""

import importlib
import json
import pathlib
import re
import subprocess
import sys

import pytest

from asgard_server import fetch

CLIENTS = pathlib.Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def document(asgard, tmp_path_factory):
    """The document as a file."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(fetch(asgard.url + "/openapi.json").body)
    return path


@pytest.fixture(scope="module")
def generated(document, python_tools):
    """The generated Python package, imported."""
    made = subprocess.run(
        [python_tools / "openapi-python-client", "generate",
         "--path", document, "--output-path", document.parent / "asgard_client",
         "--meta", "none", "--fail-on-warning"],
        capture_output=True, text=True, timeout=120,
        env={"PATH": f"{python_tools}:/usr/bin:/bin"},
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(document.parent))
    yield importlib.import_module("asgard_client")
    sys.path.remove(str(document.parent))


def operation(document, verb, path):
    """The generated module of an operation."""
    found = json.loads(document.read_text())["paths"][path][verb]
    snake = re.sub(r"[^a-z0-9]+", "_", re.sub(
        r"(?<=[a-z0-9])(?=[A-Z])", "_", found["operationId"]
    ).lower())  # fmt: skip
    (module,) = (document.parent / "asgard_client" / "api").glob(
        f"*/{snake}.py"
    )
    return importlib.import_module(
        f"asgard_client.api.{module.parent.name}.{snake}"
    )


def test_a_generated_python_client_asks_and_understands(
    asgard, document, generated
):
    client = generated.AuthenticatedClient(
        base_url=asgard.url, token=asgard.admin, prefix="",
        auth_header_name="X-API-Key", raise_on_unexpected_status=True,
    )  # fmt: skip

    def call(verb, path, *arguments, **more):
        module = operation(document, verb, path)
        answer = module.sync_detailed(*arguments, client=client, **more)
        return answer.status_code, answer.parsed

    status, profile = call("get", "/v1/asn/{asn}", 15169)
    assert (status, profile.asn, profile.name) == (200, 15169, "GOOGLE")
    assert profile.breakdown.threat == 100
    status, error = call("get", "/v1/asn/{asn}", 4294967295)
    assert (status, error.code) == (404, "HTTP_404")
    status, page = call("get", "/v1/asn/{asn}/history", 15169, days=7, limit=5)
    assert status == 200 and page.data[0].score >= 0
    status, view = call("get", "/v1/asn/{asn}/upstreams", 3333)
    assert status == 200 and view.upstreams[0].connection_count > 0
    status, compared = call(
        "get", "/v1/tools/compare", asn_a=15169, asn_b=64496
    )
    assert (status, compared.comparison.safer_overall) == (200, 15169)
    bulk = operation(document, "post", "/v1/tools/bulk-risk-check")
    body = body_of(generated, bulk)(asns=[15169, 4294967295])
    answer = bulk.sync_detailed(client=client, body=body)
    assert [r.level for r in answer.parsed.results] == ["LOW", "UNKNOWN"]
    add = operation(document, "post", "/v1/whitelist")
    body = body_of(generated, add)(asn=64500, reason="compat")
    assert add.sync_detailed(client=client, body=body).status_code == 200


def body_of(generated, module):
    """The type of an operation's body, by its annotation."""
    annotation = module.sync_detailed.__annotations__["body"]
    for part in getattr(annotation, "__args__", (annotation,)):
        if part.__module__.startswith("asgard_client.models"):
            return part
    raise AssertionError(f"no model in {annotation}")


def test_a_generated_typescript_client_compiles_and_asks(
    asgard, document, node_modules, tmp_path
):
    (tmp_path / "node_modules").symlink_to(node_modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text((CLIENTS / "calls.ts").read_text())
    steps = [
        ["node", "node_modules/openapi-typescript/bin/cli.js", str(document),
         "-o", "schema.d.ts"],
        ["node", "node_modules/typescript/bin/tsc", "--strict", "--target",
         "es2022", "--module", "nodenext", "--moduleResolution", "nodenext",
         "--lib", "es2022,dom", "--skipLibCheck", "calls.ts"],
        ["node", "calls.js", asgard.url, asgard.admin],
    ]  # fmt: skip
    for step in steps:
        ran = subprocess.run(
            step, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, f"{step}\n{ran.stdout}\n{ran.stderr}"
    assert ran.stdout.strip() == "ok"
