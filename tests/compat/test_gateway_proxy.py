"""Proves that the gateway behind nginx, HAProxy, Caddy and curl knows the
client, and that nothing that a client claims reaches the backend.
"""

import contextlib
import http.client
import subprocess

import httpx
import pytest

from gateway_server import backend, free_port, wait_for, write_database

CONFIG = """
health: {{host: 127.0.0.1, port: 0}}
listeners:
  - {{bind: "127.0.0.1:0", http2: true}}
  - {{bind: "127.0.0.1:0", proxy_protocol: any}}
trusted_proxies: [127.0.0.1/32]
backends: [{{name: app, servers: ["http://127.0.0.1:{backend}"]}}]
limits: {{drain_delay: 0s, drain_timeout: 2s}}
features:
  asn:
    enabled: true
    database: {{source: file, path: {database}, refresh_interval: "0"}}
    downstream_headers: {{enabled: true}}
    policy_usage: {{enabled: true}}
rules:
  - {{name: bad-net, action: DENY, network: 64500}}
"""

FORGED = {
    "X-Rescaled-ASN-Number": "666",
    "X_Rescaled_ASN_Org": "forged",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
}


@pytest.fixture(scope="module")
def gateway(binary, tmp_path_factory):
    """Addresses of the plain and of the PROXY listener, and of the admin."""
    home = tmp_path_factory.mktemp("gateway")
    write_database(home / "asn.mmdb")
    with backend() as port, (home / "log").open("w") as log:
        config = home / "gateway.yaml"
        database = home / "asn.mmdb"
        config.write_text(CONFIG.format(backend=port, database=database))
        process = subprocess.Popen(
            [binary, "gateway", "--config", config, "--workers", "1"],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )
        found = []
        try:
            for line in process.stdout:
                found.append(line.split(" on ")[1].strip())
                if line.startswith("admin"):
                    break
            assert len(found) == 3, (home / "log").read_text()
            yield found
            process.terminate()
            assert process.wait(15) == 0
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()


@contextlib.contextmanager
def running(port, *command, **how):
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def nginx(gateway, tmp_path, need):
    need("nginx")
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(f"""
daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
  fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u;
  scgi_temp_path {tmp_path}/s;
  server {{
    listen 127.0.0.1:{port};
    set_real_ip_from 127.0.0.1; real_ip_header X-Test-Client;
    location / {{
      proxy_pass {gateway[0]}; proxy_http_version 1.1;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
""")
    with running(port, "nginx", "-c", config, "-p", tmp_path) as url:
        yield url


@pytest.fixture
def haproxy(gateway, tmp_path, need):
    need("haproxy")
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"""
defaults
  mode tcp
  timeout client 10s
  timeout server 10s
  timeout connect 2s
listen in
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{free_port()} accept-proxy
  server app {gateway[1].removeprefix("http://")} send-proxy-v2
""")
    with running(port, "haproxy", "-db", "-f", config) as url:
        yield url


@pytest.fixture
def caddy(gateway, tmp_path, need):
    need("caddy")
    port = free_port()
    config = tmp_path / "Caddyfile"
    config.write_text(
        "{\n admin off\n}\n"
        f"http://127.0.0.1:{port} {{\n reverse_proxy {gateway[0]}\n}}\n"
    )
    command = ["caddy", "run", "--config", config, "--adapter", "caddyfile"]
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with running(port, *command, env=home) as url:
        yield url


STATIC = """
health: {{host: 127.0.0.1, port: 0}}
listeners: [{{bind: "127.0.0.1:0"}}]
backends: [{{name: files, servers: ["{files}"]}}]
limits: {{drain_delay: 0s, drain_timeout: 2s}}
rules:
  - {{name: secret, action: DENY, path: /secret.html}}
  - {{name: open, action: ALLOW, path_regex: "^/groups/"}}
  - {{name: others, action: CHALLENGE, all: {{}},
     challenge: {{kind: pow, difficulty: 4}}}}
"""


@contextlib.contextmanager
def files_behind(binary, tmp_path):
    """nginx with a folder of files, behind a gateway: where each is."""
    root = tmp_path / "root"
    (root / ".well-known").mkdir(parents=True)
    (root / "groups" / "a").mkdir(parents=True)
    (root / "secret.html").write_text("the secret")
    (root / ".well-known" / "about").write_text("about us")
    (root / "groups" / "a" / "b").write_text("a group")
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(f"""
daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
  fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u;
  scgi_temp_path {tmp_path}/s;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
""")
    nginx = running(port, "nginx", "-c", config, "-p", tmp_path)
    with nginx as files, (tmp_path / "log").open("w") as log:
        config = tmp_path / "gateway.yaml"
        config.write_text(STATIC.format(files=files))
        process = subprocess.Popen(
            [binary, "gateway", "--config", config, "--workers", "1"],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )
        try:
            # It says where; the admin listener comes last.
            found = [next(process.stdout).split(" on ")[1].strip()
                     for _ in range(2)]  # fmt: skip
            yield files, found[0]
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


def raw_get(url, path):
    """As it stands: clients resolve dot segments."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("GET", path)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_no_spelling_of_a_path_leads_around_rules_to_files_of_nginx(
    binary, tmp_path, need
):
    need("nginx")
    around = [
        "/.well-known/..%2Fsecret.html", "/x%2F..%2Fsecret.html",
        "/.well-known/%2e%2e%2fsecret.html", "/groups/..%2Fsecret.html",
        "/.well-known/a%2F../../secret.html",
    ]  # fmt: skip
    straight = ["/.well-known/../secret.html", "/secret%2Ehtml", "//secret.html",
                "/./secret.html", "/.well-known/%2e%2e/secret.html"]  # fmt: skip
    with files_behind(binary, tmp_path) as (files, gateway):
        for path in [*around, *straight]:
            assert raw_get(files, path) == (200, "the secret"), path
        for path in around:
            assert raw_get(gateway, path)[0] == 400, path
        for path in straight:
            assert raw_get(gateway, path)[0] == 403, path
        # Not decoded twice by anybody.
        assert raw_get(files, "/groups/%252e%252e/secret.html")[0] == 404
        assert raw_get(gateway, "/groups/%252e%252e/secret.html")[0] == 404
        assert raw_get(gateway, "/groups/a%2Fb") == (200, "a group")
        assert raw_get(gateway, "/.well-known/about") == (200, "about us")


def told(answer):
    """Fields that the backend saw, by lower-case name."""
    lines = answer.text.splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def test_behind_nginx_the_client_is_the_client(nginx):
    headers = {**FORGED, "X-Test-Client": "192.0.2.7"}
    seen = told(httpx.get(nginx, headers=headers))
    assert seen["x-rescaled-asn-number"] == "64496"
    assert seen["x-real-ip"] == "192.0.2.7"
    assert "666" not in seen.values()
    assert "forged" not in seen.values()
    assert "x_rescaled_asn_org" not in seen
    claimed = {
        "X-Forwarded-For": "192.0.2.7", "X-Test-Client": "203.0.113.5"
    }
    assert httpx.get(nginx, headers=claimed).status_code == 403


def test_behind_haproxy_with_proxy_protocol_v2_nobody_else_is_believed(haproxy):
    # HAProxy and its client are on this machine: the network is "Loopback".
    claimed = {**FORGED, "X-Forwarded-For": "203.0.113.5, 127.0.0.1"}
    answer = httpx.get(haproxy, headers=FORGED)
    assert answer.status_code == 200
    seen = told(answer)
    assert seen["x-rescaled-asn-number"] == "64511"
    assert seen["x-real-ip"] == "127.0.0.1"
    # 127.0.0.1 is trusted here, so what it forwards is believed.
    assert httpx.get(haproxy, headers=claimed).status_code == 403


def test_behind_caddy_forged_chains_are_cut(caddy):
    claimed = {**FORGED, "X-Forwarded-For": "203.0.113.5"}
    answer = httpx.get(caddy, headers=claimed)
    assert answer.status_code == 200, "Caddy drops claims of its clients"
    assert told(answer)["x-rescaled-asn-number"] == "64511"


def test_curl_with_a_proxy_header_is_its_source(gateway, need):
    need("curl")
    url = gateway[1]
    got = subprocess.run(
        ["curl", "-s", "--haproxy-protocol", url],
        capture_output=True, text=True, timeout=30, check=True,
    )
    assert "x-real-ip: 127.0.0.1" in got.stdout
    without = subprocess.run(
        ["curl", "-s", url], capture_output=True, timeout=30, check=False
    )
    assert without.returncode in (52, 56), "the header is mandatory"


def test_curl_speaks_http_2_with_the_gateway(gateway, need):
    need("curl")
    got = subprocess.run(
        ["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version}",
         "-H", "X-Forwarded-For: 192.0.2.7", gateway[0]],
        capture_output=True, text=True, timeout=30, check=True,
    )
    assert "x-rescaled-asn-number: 64496" in got.stdout
    assert got.stdout.endswith("2")


def test_metrics_pass_promtool_and_have_no_label_of_a_client(gateway, need):
    need("promtool")
    for n in range(50):
        httpx.get(f"{gateway[0]}/{n}", headers={"User-Agent": f"agent-{n}"})
    text = httpx.get(f"{gateway[2]}/metrics").text
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text, capture_output=True, text=True, timeout=30, check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "agent-" not in text
    assert len(text.splitlines()) < 2000


def test_explain_names_rule_and_place(gateway):
    answer = httpx.get(f"{gateway[2]}/v1/explain?ip=203.0.113.5").json()
    assert answer["action"] == "DENY"
    assert answer["rule"] == "bad-net"
    assert answer["asn"] == 64500
    assert answer["prefix"] == "203.0.113.0/24"
    rule = answer["rules"][0]
    assert rule["said"] == "decided"
    assert "gateway.yaml:" in rule["at"]
    wrong = httpx.get(f"{gateway[2]}/v1/explain?ip=me")
    assert wrong.status_code == 400
