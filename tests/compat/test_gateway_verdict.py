"""Proves that real proxies, set up as docs/gateway/verdict.md says, let pass,
refuse, challenge, and replace forged headers by our verdicts.

nginx and Caddy run; for Traefik there is no binary here, and what it sends is
replayed as its documentation shows it. Envoy runs in test_gateway_envoy.py.
"""

import contextlib
import http.client
import pathlib
import re
import subprocess

import httpx
import pytest

from gateway_server import Gateway, backend, free_port, redeem, wait_for

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "gateway"
FORGED = {
    "X-Rescaled-ASN-Number": "666",
    "x-rescaled-asn-org": "forged",
    "X-Original-URI": "/elsewhere",
}


def block(name):
    text = (DOCS / "verdict.md").read_text()
    found = re.search(rf"<!-- block: {name} -->\n```\w+\n(.*?)```", text, re.S)
    return found[1]


@pytest.fixture(scope="module")
def app():
    with backend() as port:
        yield port


@pytest.fixture(scope="module")
def gateway(binary, app, tmp_path_factory):
    gateway = Gateway(binary, tmp_path_factory.mktemp("gateway"), app)
    yield gateway
    gateway.stop()


@contextlib.contextmanager
def nginx_before(gateway, app, tmp_path):
    port = free_port()
    server = block("nginx")
    server = server.replace("listen 8080;", f"listen 127.0.0.1:{port};\n"
                            "    set_real_ip_from 127.0.0.1;\n"
                            "    real_ip_header X-Test-Client;")
    server = server.replace("http://127.0.0.1:9091", gateway.verdicts)
    server = server.replace("127.0.0.1:3000", f"127.0.0.1:{app}")
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error;\n"
        "events {}\nhttp { access_log off;\n"
        f"client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u;\n"
        f"scgi_temp_path {tmp_path}/s;\n{server}}}\n"
    )
    process = subprocess.Popen(["nginx", "-c", config, "-p", tmp_path])
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def caddy_before(gateway, app, tmp_path):
    port = free_port()
    site = block("caddy")
    site = site.replace(":8080 {", f"http://127.0.0.1:{port} {{", 1)
    verdicts = gateway.verdicts.removeprefix("http://")
    site = site.replace("127.0.0.1:9091", verdicts)
    site = site.replace("127.0.0.1:3000", f"127.0.0.1:{app}")
    config = tmp_path / "Caddyfile"
    config.write_text("{\n    admin off\n}\n" + site)
    process = subprocess.Popen(
        ["caddy", "run", "--config", config, "--adapter", "caddyfile"],
        stderr=subprocess.DEVNULL,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def nginx(gateway, app, tmp_path, need):
    need("nginx")
    with nginx_before(gateway, app, tmp_path) as url:
        yield url


@pytest.fixture
def caddy(gateway, app, tmp_path, need):
    need("caddy")
    with caddy_before(gateway, app, tmp_path) as url:
        yield url


@pytest.fixture
def mortal(binary, app, tmp_path):
    """A gateway of this test alone, which it may kill."""
    gateway = Gateway(binary, tmp_path, app)
    yield gateway
    gateway.stop()


def dies(gateway):
    gateway.process.kill()
    gateway.process.wait(10)


def test_nginx_lets_pass_with_our_headers(nginx):
    for client, asn, org in [
        ("192.0.2.7", "64496", "Müller & Söhne"), ("198.51.100.1", None, None)
    ]:
        headers = {**FORGED, "X-Test-Client": client}
        answer = httpx.get(f"{nginx}/a?b=c", headers=headers)
        assert answer.status_code == 200
        lines = answer.text.splitlines()
        assert "GET /a?b=c" in lines
        told = [x for x in lines if x.lower().startswith("x-rescaled-")]
        # nginx leaves headers out that are set to nothing.
        if asn is None:
            assert told == []
        else:
            org_line = next(x for x in told if "-org: " in x)
            assert org_line.encode("latin-1").decode() == (
                f"x-rescaled-asn-org: {org}"
            )
            assert f"x-rescaled-asn-number: {asn}" in told
            assert len(told) == 2


def test_nginx_refuses(nginx):
    answer = httpx.get(nginx, headers={"X-Test-Client": "203.0.113.5"})
    assert answer.status_code == 403
    assert answer.text.startswith("Blocked (")
    posted = httpx.post(
        nginx, content=b"x" * 5000, headers={"X-Test-Client": "203.0.113.5"}
    )
    assert posted.status_code == 403


def test_nginx_refuses_what_it_would_read_otherwise(nginx):
    """`/secret` is refused: also by the names that nginx has for it."""
    place = nginx.removeprefix("http://")
    for path, status in [
        ("/secret", 451), ("//secret", 451), ("/x/../secret", 451),
        ("/secret#/../x", 400), ("/x#y", 400), ("/x%2F..%2Fsecret", 400),
        ("/x/..;/secret", 400), ("/x%2Fsecret", 200),
    ]:  # fmt: skip
        connection = http.client.HTTPConnection(place, timeout=30)
        connection.putrequest("GET", path)
        connection.endheaders()
        answer = connection.getresponse()
        assert (path, answer.status) == (path, status)
        connection.close()


def test_nginx_challenges_and_lets_pass(nginx):
    with httpx.Client(headers={"X-Test-Client": "192.0.2.7"}) as client:
        asked = client.get(f"{nginx}/work?x=1")
        assert asked.status_code == 403
        passed = redeem(nginx, client, asked)
        assert passed.status_code == 303
        assert passed.headers["location"] == "/work?x=1"
        assert client.get(f"{nginx}/work?x=1").status_code == 200


def test_caddy_lets_pass_with_our_headers(caddy):
    answer = httpx.get(f"{caddy}/a?b=c", headers=FORGED)
    assert answer.status_code == 200
    lines = answer.text.splitlines()
    assert "x-rescaled-asn-number: 64511" in lines
    assert "x-rescaled-asn-org: Loopback" in lines
    assert "666" not in answer.text and "forged" not in answer.text


def test_caddy_challenges_and_lets_pass(caddy):
    with httpx.Client() as client:
        asked = client.get(f"{caddy}/work")
        assert asked.status_code == 403
        assert redeem(caddy, client, asked).status_code == 303
        assert client.get(f"{caddy}/work").status_code == 200


def test_caddy_refuses(caddy):
    """The answer of the rule, as it stands: status, body and header."""
    answer = httpx.get(f"{caddy}/secret", headers=FORGED)
    assert answer.status_code == 451
    assert answer.text == "not here"
    assert answer.headers["x-why"] == "policy"
    posted = httpx.post(f"{caddy}/secret", content=b"x" * 5000)
    assert posted.status_code == 451
    assert httpx.get(caddy).status_code == 200


def test_when_the_gateway_dies_nginx_answers_500(mortal, app, tmp_path, need):
    """As docs/gateway/verdict.md says: nobody passes unjudged."""
    need("nginx")
    with nginx_before(mortal, app, tmp_path) as url:
        assert httpx.get(url).status_code == 200
        dies(mortal)
        for _ in range(3):
            assert httpx.get(f"{url}/a").status_code == 500


def test_when_the_gateway_dies_caddy_answers_502(mortal, app, tmp_path, need):
    need("caddy")
    with caddy_before(mortal, app, tmp_path) as url:
        assert httpx.get(url).status_code == 200
        dies(mortal)
        for _ in range(3):
            assert httpx.get(f"{url}/a").status_code == 502


# As Traefik's ForwardAuth sends it (documentation of the middleware, v3).
TRAEFIK = {
    "Host": "auth", "User-Agent": "Mozilla/5.0", "Accept": "*/*",
    "Accept-Encoding": "gzip", "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Method": "POST", "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https", "X-Forwarded-Server": "edge-1",
    "X-Forwarded-Uri": "/cart?id=1", "X-Real-Ip": "192.0.2.7",
}  # fmt: skip


def test_traefik_as_recorded(gateway):
    url = f"{gateway.verdicts}/v1/verdict/forward"
    good = httpx.get(url, headers={**TRAEFIK, "X-Forwarded-For": "192.0.2.7"})
    assert good.status_code == 204 and good.content == b""
    assert good.headers["x-rescaled-asn-number"] == "64496"
    bad = httpx.get(url, headers={**TRAEFIK, "X-Forwarded-For": "203.0.113.9"})
    assert bad.status_code == 403
    lost = httpx.get(url, headers=TRAEFIK)
    assert lost.status_code == 403
    assert lost.headers["x-asgard-error"] == "missing X-Forwarded-For"


# As Envoy's HTTP ext_authz sends it: the client's method and path below
# `path_prefix`, its Host, and the allowed headers.
def test_envoy_as_recorded(gateway):
    headers = {
        "Host": "shop.example", "user-agent": "curl/8.5",
        "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https",
        "x-envoy-internal": "true", "content-length": "0",
    }  # fmt: skip
    url = f"{gateway.verdicts}/v1/verdict/envoy/cart?id=1"
    good = httpx.post(url, headers=headers)
    assert good.status_code == 200 and good.content == b""
    assert good.headers["x-rescaled-asn-number"] == "64496"
    headers["x-forwarded-for"] = "203.0.113.9"
    assert httpx.post(url, headers=headers).status_code == 403


def test_answers_keep_their_connection(gateway):
    """Ten thousand questions, one connection: nothing may defeat keep-alive."""
    with httpx.Client() as client:
        headers = {**TRAEFIK, "X-Forwarded-For": "192.0.2.7"}
        stream = None
        for _ in range(300):
            answer = client.get(
                f"{gateway.verdicts}/v1/verdict/forward", headers=headers
            )
            assert answer.status_code == 204
            now = answer.extensions["network_stream"].get_extra_info("socket")
            local = now.getsockname()
            assert stream in (None, local)
            stream = local


def test_a_database_is_swapped_and_a_broken_one_is_not(gateway):
    """Last in this file: the networks are others afterwards."""
    url = f"{gateway.verdicts}/v1/verdict/forward"
    headers = {**TRAEFIK, "X-Forwarded-For": "192.0.2.7"}
    good = gateway.database.read_bytes()
    beside = gateway.database.with_suffix(".new")
    import time

    for broken in (good[: len(good) // 2], b"<html>", b""):
        beside.write_bytes(broken)
        beside.rename(gateway.database)
        time.sleep(1.5)
        answer = httpx.get(url, headers=headers)
        assert answer.headers["x-rescaled-asn-number"] == "64496"
        health = httpx.get(f"{gateway.admin}/healthz").json()
        assert health["status"] == "degraded" and health["data"]
    beside.write_bytes(good)
    beside.rename(gateway.database)
    time.sleep(1.5)
    health = httpx.get(f"{gateway.admin}/healthz").json()
    assert health["status"] == "ok", health
