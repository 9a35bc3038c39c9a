from __future__ import annotations

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.oci.blobs import SMALL
from tests import images
from tests.application import OpenRegistry, Registry
from tests.oci.bodies import NAME, Unchanged, image, put_blob, refused, sha512, start

CONTENT = bytes(range(256)) * 8
BIG = CONTENT * 400


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def where(content: bytes = CONTENT, name: str = NAME) -> str:
    return f"/v2/{name}/blobs/{images.digest_of(content)}"


def test_head_tells_what_get_gives(client: httpx.Client) -> None:
    put_blob(client, CONTENT)
    head, got = client.head(where()), client.get(where())
    assert (head.status_code, got.status_code) == (200, 200)
    assert got.content == CONTENT
    assert head.headers["content-length"] == str(len(CONTENT))
    ignored = {"x-request-id", "date"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in got.headers.items() if k not in ignored
    }
    assert got.headers["docker-content-digest"] == images.digest_of(CONTENT)
    assert got.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("content", [CONTENT, BIG], ids=["small", "big"])
def test_any_range_is_the_slice(registry: Registry, client: httpx.Client, content: bytes) -> None:
    assert len(CONTENT) < SMALL < len(BIG)
    put_blob(client, content)
    edges = st.integers(0, len(content) + 5) | st.sampled_from([0, len(content) - 1])

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(edges, st.none() | edges)
    def check(first: int, last: int | None) -> None:
        header = f"bytes={first}-" + ("" if last is None else str(last))
        got = client.get(where(content), headers={"range": header})
        part = content[first : len(content) if last is None else last + 1]
        if not part:
            assert got.status_code == 416
            assert got.headers["content-range"] == f"bytes */{len(content)}"
            return
        assert (got.status_code, got.content) == (206, part)
        span = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        assert got.headers["content-range"] == span

    check()


def test_the_end_can_be_asked_for(client: httpx.Client) -> None:
    put_blob(client, CONTENT)
    assert client.get(where(), headers={"range": "bytes=-5"}).content == CONTENT[-5:]
    assert client.get(where(), headers={"range": "bytes=0-1,3-4"}).content == CONTENT


def test_if_range_of_another_content_gets_the_whole(client: httpx.Client) -> None:
    put_blob(client, CONTENT)
    etag = client.head(where()).headers["etag"]
    wanted = {"range": "bytes=0-3", "if-range": etag}
    assert client.get(where(), headers=wanted).content == CONTENT[:4]
    assert client.get(where(), headers={**wanted, "if-range": '"other"'}).content == CONTENT


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_holds_it_already_gets_no_body(client: httpx.Client, form: str, method: str) -> None:
    put_blob(client, CONTENT)
    etag = client.head(where()).headers["etag"]
    got = client.request(method, where(), headers={"if-none-match": form.format(etag)})
    assert (got.status_code, got.content) == (304, b"")
    again = client.request(method, where(), headers={"if-none-match": '"other"'})
    assert again.status_code == 200


def test_the_empty_blob(client: httpx.Client) -> None:
    put_blob(client, b"")
    got = client.get(where(b""))
    assert (got.status_code, got.content) == (200, b"")
    assert got.headers["content-length"] == "0"
    assert client.get(where(b""), headers={"range": "bytes=0-"}).status_code == 416


def test_a_blob_by_sha512(client: httpx.Client) -> None:
    digest = sha512(CONTENT)
    done = client.put(start(client), params={"digest": digest}, content=CONTENT)
    assert done.status_code == 201
    assert done.headers["docker-content-digest"] == digest
    assert client.get(f"/v2/{NAME}/blobs/{digest}").content == CONTENT
    assert client.get(where()).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_is_not_there_is_unknown(
    registry: Registry, client: httpx.Client, method: str
) -> None:
    with Unchanged(registry):
        got = client.request(method, where())
        assert got.status_code == 404
        if method != "HEAD":
            refused(got, 404, "BLOB_UNKNOWN", images.digest_of(CONTENT))
        missing = client.request(method, where(name="team/none"))
        assert missing.status_code == 404
        if method != "HEAD":
            refused(missing, 404, "NAME_UNKNOWN", "'team/none' does not exist in the registry")


def test_a_digest_outside_the_grammar_is_named(client: httpx.Client) -> None:
    for digest in ("latest", "sha256:12", "md5:" + "0" * 32, "sha256:" + "G" * 64):
        refused(client.get(f"/v2/{NAME}/blobs/{digest}"), 400, "DIGEST_INVALID", digest[:3])


def test_a_repository_that_does_not_hold_it_does_not_serve_it(
    registry: Registry, client: httpx.Client
) -> None:
    registry.create("team/other")
    put_blob(client, CONTENT)
    refused(client.get(where(name="team/other")), 404, "BLOB_UNKNOWN", "'team/other'")
    refused(client.delete(where(name="team/other")), 404, "BLOB_UNKNOWN", "'team/other'")
    assert client.get(where()).content == CONTENT


def test_a_deleted_blob_is_gone_with_its_bytes(registry: Registry, client: httpx.Client) -> None:
    put_blob(client, CONTENT)
    assert client.get(where()).status_code == 200
    assert client.delete(where()).status_code == 202
    assert client.get(where()).status_code == 404
    assert client.head(where()).status_code == 404
    assert not registry.objects()
    put_blob(client, CONTENT)
    assert client.get(where()).content == CONTENT


def test_a_blob_of_two_repositories_stays_until_the_last_lets_go(
    registry: Registry, client: httpx.Client
) -> None:
    registry.create("team/other")
    put_blob(client, CONTENT)
    put_blob(client, CONTENT, "team/other")
    assert len(registry.objects()) == 1
    assert client.delete(where()).status_code == 202
    assert client.get(where(name="team/other")).content == CONTENT
    assert client.delete(where(name="team/other")).status_code == 202
    assert not registry.objects()


def test_a_part_of_an_image_is_not_deleted(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole, "v1")
    with Unchanged(registry):
        for blob in whole.blobs:
            refused(client.delete(where(blob.content)), 405, "UNSUPPORTED", whole.digest)
    assert client.delete(f"/v2/{NAME}/manifests/{whole.digest}").status_code == 202
    assert client.delete(where(whole.blobs[0].content)).status_code == 202


def test_another_worker_serves_no_deleted_blob(registry: Registry, client: httpx.Client) -> None:
    put_blob(client, CONTENT)
    other = registry.beside()
    with other.http() as beside:
        assert beside.get(where()).content == CONTENT
        assert client.delete(where()).status_code == 202
        assert beside.get(where()).status_code == 404
        assert beside.head(where()).status_code == 404
    other.close()


def test_without_encryption_blobs_lie_in_clear(open_one: OpenRegistry) -> None:
    registry = open_one(encryption=False)
    with registry.http() as client:
        registry.ecr().create_repository(repositoryName="team/clear")
        put_blob(client, CONTENT, "team/clear")
        assert client.get(where(name="team/clear")).content == CONTENT
    (path,) = registry.objects()
    assert (registry.settings.data / "storage" / path).read_bytes() == CONTENT
