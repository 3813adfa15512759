"""Proves that the metrics are what the documentation names, in good form.

`promtool check metrics` is the judge of form, and the parser of
prometheus_client reads what a scrape gets. metric_names.txt is the list of
all names with their types: a name that changes breaks somebody's dashboard.
"""

import pathlib
import subprocess

from prometheus_client.parser import text_string_to_metric_families

from asgard_server import MOUNTS, fetch

GOLDEN = pathlib.Path(__file__).parent / "metric_names.txt"


def scrape(asgard, mount=""):
    answer = fetch(asgard.url + mount + "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(
        "text/plain; version=0.0.4"
    )
    return answer.body.decode()


def families(text):
    return {f.name: f for f in text_string_to_metric_families(text)}


def exercise(asgard):
    """A little of everything, so that every family has a sample."""
    for path in ("/v1/asn/15169", "/v1/asn/15169", "/feeds/edl", "/nowhere",
                 "/v1/asn/15169/history", "/v1/asn/15169/peeringdb",
                 "/v1/asn/15169/peeringdb", "/v1/stream",
                 "/v1/tools/domain-risk?domain=example.com"):  # fmt: skip
        asgard.get(path)


def test_promtool_finds_nothing_to_say(asgard, need):
    need("promtool")
    exercise(asgard)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scrape(asgard),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = checked.stdout + checked.stderr
    assert (checked.returncode, said) == (0, "")


def test_the_names_are_those_of_the_list(asgard):
    exercise(asgard)
    found = {
        f"{line.split()[2]} {line.split()[3]}"
        for line in scrape(asgard).splitlines()
        if line.startswith("# TYPE ")
    }
    listed = {
        line
        for line in GOLDEN.read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert found - listed == set(), "new names: add them to metric_names.txt"
    assert listed - found == set(), "names that are gone"


def test_all_mounts_answer_without_a_key(asgard):
    for mount in MOUNTS:
        assert "asn_api_requests_total" in scrape(asgard, mount)


def requests_total(asgard, **labels):
    total = families(scrape(asgard))["asn_api_requests"]
    return sum(
        sample.value
        for sample in total.samples
        if sample.name == "asn_api_requests_total"
        and labels.items() <= sample.labels.items()
    )


def test_requests_are_counted_by_method_route_and_status(asgard):
    family = families(scrape(asgard))["asn_api_requests"]
    assert all(
        {"method", "path", "status"} <= set(s.labels) for s in family.samples
    )
    for n in (15169, 3356, 13335):
        asgard.get(f"/v1/asn/{n}")
    after = families(scrape(asgard))["asn_api_requests"]
    routes = {s.labels["path"] for s in after.samples}
    assert not any("15169" in route for route in routes), routes
    (route,) = (r for r in routes if r.endswith("/asn/{asn}"))
    before = requests_total(asgard, method="GET", path=route, status="200")
    asgard.get("/v1/asn/15169")
    asgard.get("/api/asn/15169")
    now = requests_total(asgard, method="GET", path=route, status="200")
    assert now == before + 2


def test_unknown_paths_and_methods_make_no_new_series(asgard):
    asgard.get("/nowhere")
    asgard.ask("BREW", "/nowhere")
    before = scrape(asgard).count("\n")
    for n in range(50):
        asgard.get(f"/nowhere/{n}")
        asgard.ask(f"BREW{n}", f"/nowhere/{n}")
    assert scrape(asgard).count("\n") <= before + 30


def test_latencies_are_a_histogram_in_seconds(asgard):
    asgard.get("/v1/asn/15169")
    family = families(scrape(asgard))["asn_api_request_duration_seconds"]
    assert family.type == "histogram"
    bounds = [float(s.labels["le"]) for s in family.samples if "le" in s.labels]
    assert max(bounds) == float("inf")
    assert min(bounds) <= 0.005


def test_the_process_tells_of_itself(asgard):
    found = families(scrape(asgard))
    resident = found["process_resident_memory_bytes"].samples[0].value
    assert resident == asgard.kib() * 1024 or resident > 1 << 20
