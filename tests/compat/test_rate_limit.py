"""Proves that the rate limit is exact, honest, and cannot be talked out of.

Every check has a server of its own with the documented limit of 100, or a
small one, and finishes well within one window of 60 seconds.
"""

import collections
import concurrent.futures
import http.client
import itertools
import threading
import time

import pytest

from asgard_server import MOUNTS, Asgard, fetch

LIMIT = 100
PATH = "/v1/asn/15169"


@pytest.fixture
def limited(binary, outside):
    with Asgard(binary, "--rate-limit", str(LIMIT), *outside) as server:
        yield server


@pytest.fixture
def strict(binary, outside):
    with Asgard(binary, "--rate-limit", "10", *outside) as server:
        yield server


def remaining(answer):
    return int(answer.headers["x-ratelimit-remaining"])


def ask(connection, path, headers, method="GET"):
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, body, time.time()


def test_64_connections_with_one_key_get_exactly_the_limit(
    limited, record_property
):
    start = threading.Barrier(64)

    def client(_):
        connection = http.client.HTTPConnection("127.0.0.1", limited.port)
        connection.connect()
        start.wait()
        headers = {"X-API-Key": limited.key}
        answers = [ask(connection, PATH, headers) for _ in range(5)]
        connection.close()
        return answers

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(itertools.chain(*pool.map(client, range(64))))
    by_status = collections.Counter(status for status, *_ in answers)
    record_property("statuses", dict(by_status))
    assert by_status == {200: LIMIT, 429: 64 * 5 - LIMIT}
    good = [h for status, h, *_ in answers if status == 200]
    left = sorted(int(h["x-ratelimit-remaining"]) for h in good)
    assert left == list(range(LIMIT)), "each number once: strictly exact"
    assert {h["x-ratelimit-limit"] for _, h, *_ in answers} == {str(LIMIT)}
    resets = {int(h["x-ratelimit-reset"]) for _, h, *_ in answers}
    assert len(resets) == 1, "one window has one end"
    for status, headers, body, now in answers:
        if status != 429:
            continue
        wait = int(headers["retry-after"])
        assert 0 < wait <= 60
        # The server's clock is whole seconds; the answer was on its way.
        asked = int(headers["x-ratelimit-reset"]) - wait
        assert 0 <= now - asked < 2
        assert b'"code":"RATE_LIMITED"' in body.replace(b" ", b"")


def wait_for_a_new_window(binary, outside):
    """Answers before, at and after the end of a window of 3 requests."""
    with Asgard(binary, "--rate-limit", "3", *outside) as server:
        within = [server.get(PATH) for _ in range(4)]
        reset = int(within[-1].headers["x-ratelimit-reset"])
        # Asking on does not push the end away.
        time.sleep(2)
        late = server.get(PATH)
        time.sleep(max(0.0, reset + 0.05 - time.time()))
        return within, late, server.get(PATH)


EARLY = {"window": wait_for_a_new_window}


def test_the_window_opens_again_when_the_headers_said(early):
    within, late, again = early("window")
    assert [a.status for a in within] == [200, 200, 200, 429]
    assert [remaining(a) for a in within] == [2, 1, 0, 0]
    resets = {int(a.headers["x-ratelimit-reset"]) for a in [*within, late]}
    assert (late.status, len(resets)) == (429, 1)
    assert (again.status, remaining(again)) == (200, 2)
    assert int(again.headers["x-ratelimit-reset"]) >= resets.pop() + 60


SPOOFS = [
    {name: form.format(n=n)}
    for n, (name, form) in enumerate(
        itertools.product(
            [
                "X-Forwarded-For",
                "X-Real-IP",
                "CF-Connecting-IP",
                "True-Client-IP",
                "X-Client-IP",
                "X-Cluster-Client-IP",
            ],
            ["192.0.2.{n}", "2001:db8:{n}::1", "127.0.0.1, 192.0.2.{n}"],
        )
    )  # fmt: skip
] + [
    {"Forwarded": f'for="[2001:db8:{n}::1]:4711";proto=https'} for n in range(4)
]


def test_forwarding_headers_change_nothing_without_a_key(strict):
    statuses = [
        fetch(strict.url + "/feeds/edl", headers=spoof).status
        for spoof in SPOOFS
    ]
    assert statuses == [200] * 10 + [429] * (len(SPOOFS) - 10)


def test_forwarding_headers_change_nothing_with_a_key(strict):
    statuses = [strict.get(PATH, **spoof).status for spoof in SPOOFS]
    assert statuses == [200] * 10 + [429] * (len(SPOOFS) - 10)


def test_no_method_mount_or_spelling_of_a_path_has_a_window_of_its_own(limited):
    spellings = [mount + "/asn/15169" for mount in MOUNTS] + [
        "//v1/asn/15169", "/v1//asn/15169", "/V1/ASN/15169", "/v1/asn/15169/",
        "/v1/asn/%31%35169", "/v1/./asn/15169", "/nowhere",
    ]  # fmt: skip
    methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE"]
    connection = http.client.HTTPConnection("127.0.0.1", limited.port)
    headers = {"X-API-Key": limited.key, "Content-Length": "0"}
    statuses, left = [], []
    for method, path in itertools.product(methods, spellings):
        for _ in range(2):
            status, answer, *_ = ask(connection, path, headers, method)
            statuses.append(status)
            left.append(int(answer["x-ratelimit-remaining"]))
    assert left[:LIMIT] == list(range(LIMIT - 1, -1, -1))
    assert 429 not in statuses[:LIMIT]
    assert set(statuses[LIMIT:]) == {429} and set(left[LIMIT:]) == {0}
    # The carriers of one key share its window as well.
    bearer = {"Authorization": f"Bearer {limited.key}"}
    assert fetch(limited.url + PATH, headers=bearer).status == 429


def test_bad_keys_count_against_their_address(strict):
    good = strict.get(PATH)
    assert (good.status, remaining(good)) == (200, 9)
    for n in range(10):
        bad = strict.get(PATH, key=f"asgard_live_guess{n:03}_nothing")
        assert (bad.status, remaining(bad)) == (403, 9 - n)
    assert strict.get(PATH, key="another-guess").status == 429
    assert fetch(strict.url + "/feeds/edl").status == 429, "same address"
    again = strict.get(PATH)
    assert (again.status, remaining(again)) == (200, 8), "a good key is apart"
    assert strict.get(PATH, key=strict.admin).status == 200


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/metrics"])
def test_whoever_watches_is_never_limited(strict, path):
    while fetch(strict.url + "/feeds/edl").status != 429:
        pass
    for mount in MOUNTS:
        answers = [fetch(strict.url + mount + path) for _ in range(5)]
        assert [a.status for a in answers] == [200] * 5, mount


def test_the_stream_counts_like_any_other_request(strict):
    for _ in range(10):
        assert strict.get("/v1/stream").status == 426
    assert strict.get("/v1/stream").status == 429
    assert strict.get("/v1/stream/sse").status == 429
