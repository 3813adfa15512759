"""Proves that TAXII clients find, page and read the collection.

The reference client of OASIS (PyPI taxii2-client) walks from the discovery to the
objects, as OpenCTI does, which is built on it; `stix2` parses every object
strictly. A CrowdSec bouncer's polls are replayed as its client library sends them.
"""

import pytest
import stix2
from taxii2client.v21 import Server, as_pages

from asgard_server import fetch
from feed_lists import MIXED, networks
from test_feed_real import Feeds


@pytest.fixture(scope="module")
def feeds(asgard):
    made = Feeds(asgard, org="collections")
    made.block([str(net) for net in networks(MIXED)])
    return made


@pytest.fixture(scope="module")
def collection(feeds):
    server = Server(
        f"{feeds.server.url}/taxii2/", user="api", password=feeds.key
    )
    (root,) = server.api_roots
    assert server.default.url == root.url
    assert "application/taxii+json;version=2.1" in root.versions
    (collection,) = root.collections
    assert collection.can_read and not collection.can_write
    return collection


def test_the_reference_client_reads_every_object(collection):
    envelope = collection.get_objects()
    parsed = [
        stix2.parse(found, allow_custom=False)
        for found in envelope["objects"]
    ]
    indicators = [found for found in parsed if found.type == "indicator"]
    assert len(indicators) == len(list(networks(MIXED)))
    manifest = collection.get_manifest()
    assert [o["id"] for o in manifest["objects"]] == [o.id for o in parsed]
    one = collection.get_object(indicators[0].id)
    assert one["objects"][0]["pattern"] == indicators[0].pattern


def test_the_reference_client_follows_pages(collection):
    whole = [o["id"] for o in collection.get_objects()["objects"]]
    pages = list(as_pages(collection.get_objects, per_request=7))
    assert len(pages) > 3
    assert [o["id"] for page in pages for o in page["objects"]] == whole
    identities = collection.get_objects(type="identity")["objects"]
    assert [found["type"] for found in identities] == ["identity"]


def test_a_bouncer_of_crowdsec_is_told_what_changes(feeds):
    def poll(startup):
        answer = fetch(
            f"{feeds.server.url}/v1/decisions/stream?startup={startup}"
            "&scopes=ip,range",
            headers={
                "X-Api-Key": feeds.key,
                "User-Agent": "crowdsec-firewall-bouncer/v0.0.25",
            },
        )
        assert answer.status == 200, answer.body
        return answer.json

    whole = poll("true")
    assert len(whole["new"]) == len(list(networks(MIXED)))
    assert poll("false") == {"new": [], "deleted": []}
    rule = feeds.block(["198.51.100.77"], name="one more")
    assert [d["value"] for d in poll("false")["new"]] == ["198.51.100.77"]
    feeds.server.ask("DELETE", f"/v1/access-rules/{rule}", feeds.writer)
    assert [d["value"] for d in poll("false")["deleted"]] == ["198.51.100.77"]
