"""Proves that the OpenAPI document is valid, whole, and what the server does.

Schemathesis makes requests from the document, good and bad ones, one by one
and in chains, and finds answers that it does not announce. The seed is fixed;
the run is bounded.
"""

import os
import pathlib
import re
import subprocess

import pytest
from openapi_spec_validator import validate

from asgard_server import Asgard, fetch

HERE = pathlib.Path(__file__).parent
SECONDS = 360
EXAMPLES = 300
SEED = 20260329
# All endpoints under the documented mount, but the streams, which OpenAPI has
# no form for: the document tells of them in words.
PATHS = {
    "/v1/asn/{asn}", "/v1/asn/{asn}/upstreams", "/v1/asn/{asn}/history",
    "/v1/asn/{asn}/prefixes", "/v1/asn/{asn}/incidents",
    "/v1/ip/{address}", "/v1/prefix/{prefix}",
    "/v1/asn/{asn}/peeringdb", "/v1/tools/bulk-risk-check",
    "/v1/tools/compare", "/v1/tools/domain-risk", "/v1/whitelist",
    "/v1/whitelist/{asn}", "/v1/status", "/v1/feeds/edl", "/v1/health",
    "/v1/livez", "/v1/readyz", "/v1/metrics",
    "/v1/threat", "/v1/threat/feeds", "/v1/threat/feeds/{format}",
    "/v1/threat/feeds/manifest", "/v1/threat/feeds/manifest.minisig",
    "/v1/threat/feeds/manifest.sig", "/v1/threat/feeds/key",
    "/v1/threat/feeds/diff", "/v1/threat/feeds/versions",
    "/v1/threat/feeds/preview", "/v1/threat/feeds/rollback",
    "/v1/threat/feeds/publish", "/v1/threat/feeds/release",
    "/v1/explain", "/v1/config", "/v1/signal", "/v1/access-rules",
    "/v1/access-rules/{id}", "/v1/protected", "/v1/protected/{id}",
    "/v1/decisions", "/v1/decisions/stream", "/v1/gateway/table",
    "/v1/gateway/table/changes",
}  # fmt: skip


@pytest.fixture(scope="module")
def document(asgard):
    answer = fetch(asgard.url + "/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json


def operations(document):
    verbs = {"get", "post", "put", "patch", "delete"}
    for path, item in document["paths"].items():
        for verb in verbs & set(item):
            yield path, verb, item[verb]


def test_the_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_the_document_names_every_endpoint_and_no_other(document):
    named = {
        path if path.startswith("/v1/") else "/v1" + path
        for path in document["paths"]
    }
    assert named == PATHS
    about = document["info"]["description"]
    assert "/v1/stream" in about and "/v1/stream/sse" in about


def test_every_as_number_fits_the_type_that_the_document_gives_it(document):
    """Generated clients believe a format: `int32` ends at 2³¹ − 1."""
    wrong = [
        f"{where} {name}"
        for where, name, schema in integers(document)
        if schema.get("format") == "int32"
        and schema.get("maximum", 2**32) > 2**31 - 1
    ]
    assert wrong == []


def integers(document):
    """All integers of parameters and schemas: where, name, schema."""
    for path, verb, operation in operations(document):
        for parameter in operation.get("parameters", []):
            yield f"{verb} {path}", parameter["name"], parameter["schema"]
    for where, schema in document["components"]["schemas"].items():
        for name, part in schema.get("properties", {}).items():
            if name in ("asn", "asns"):
                yield where, name, part.get("items", part)


def test_every_operation_says_what_it_is_and_how_it_fails(document):
    identities = [o["operationId"] for *_, o in operations(document)]
    assert len(identities) == len(set(identities))
    for path, verb, operation in operations(document):
        where = f"{verb} {path}"
        assert operation.get("summary"), where
        assert len(operation["responses"]) > 1 or "livez" in path, where


def test_the_pages_load_nothing_from_elsewhere(asgard):
    for path in ("/docs", "/redoc"):
        page = fetch(asgard.url + path)
        assert page.status == 200, path
        assert page.headers["content-type"].startswith("text/html")
        text = page.body.decode()
        loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
        assert loaded, path
        for target in loaded:
            assert not re.match(r"(https?:)?//", target), target
            if target.startswith(("data:", "#")):
                continue
            url = asgard.url + (target if target[0] == "/" else "/" + target)
            assert fetch(url).status == 200, target


@pytest.fixture
def fresh(binary, outside):
    """Its whitelist is written full by the requests."""
    with Asgard(binary, "--rate-limit", "0", *outside) as server:
        yield server


def test_the_server_does_what_the_document_says(
    fresh, python_tools, tmp_path, record_property
):
    # Of an organisation: the threat feeds are for the bearers of such keys.
    admin = fresh.make_key("admin", org="schema")
    command = [
        python_tools / "schemathesis",
        "--config-file", HERE / "schemathesis.toml", "run",
        f"{fresh.url}/openapi.json",
        "--header", f"X-API-Key: {admin}",
        "--phases", "examples,coverage,fuzzing,stateful",
        "--checks", "all",
        "--seed", str(SEED), "--generation-deterministic",
        "--max-examples", str(EXAMPLES), "--no-shrink",
        "--continue-on-failure", "--request-timeout", "10",
        "--warnings", "off", "--no-color",
    ]  # fmt: skip
    ran = subprocess.run(
        list(map(str, command)), cwd=tmp_path, capture_output=True,
        text=True, timeout=SECONDS, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    said = ran.stdout + ran.stderr
    for line in said.splitlines():
        if found := re.search(r"(\d+) generated", line):
            record_property("cases", found[1])
    assert ran.returncode == 0, said[-12000:]
    log = fresh.log.read_text()
    assert "panicked" not in log
