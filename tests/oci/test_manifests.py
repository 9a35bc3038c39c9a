from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from registry.values.manifest import SIZE_MAX
from tests import images
from tests.application import SCOPE, OpenRegistry, Registry
from tests.oci.bodies import NAME, Unchanged, image, put, put_blob, raw_json, refused, sha512


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def url(reference: str, name: str = NAME) -> str:
    return f"/v2/{name}/manifests/{reference}"


def test_exactly_the_bytes_come_back(client: httpx.Client) -> None:
    whole = image()
    odd = whole.manifest.replace(b"{\n", b"{ \t\r\n", 1) + b"\n\n"
    for blob in whole.blobs:
        put_blob(client, blob.content)
    pushed = put(client, odd)
    digest = images.digest_of(odd)
    assert pushed.status_code == 201
    assert pushed.headers["location"] == url(digest)
    assert pushed.headers["docker-content-digest"] == digest
    for reference in ("v1", digest, digest.replace(":", "%3A")):
        got, head = client.get(url(reference)), client.head(url(reference))
        assert got.content == odd
        assert got.headers["content-type"] == images.OCI_MANIFEST
        assert got.headers["docker-content-digest"] == digest
        assert head.headers["content-length"] == str(len(odd))
        assert {k: v for k, v in head.headers.items() if k != "x-request-id"} == {
            k: v for k, v in got.headers.items() if k != "x-request-id"
        }


@pytest.mark.parametrize("form", ["{}", 'W/{}, "x"', "*"])
def test_who_holds_it_already_gets_no_body(client: httpx.Client, form: str) -> None:
    images.push(client, NAME, image(), "v1")
    etag = client.get(url("v1")).headers["etag"]
    for method in ("GET", "HEAD"):
        got = client.request(method, url("v1"), headers={"if-none-match": form.format(etag)})
        assert (got.status_code, got.content, got.headers["etag"]) == (304, b"", etag)


def test_a_tag_moves_and_the_same_push_again_succeeds(client: httpx.Client) -> None:
    first, second = image("a"), image("b")
    for whole in (first, second, second):
        images.push(client, NAME, whole, "v1")
        assert client.get(url("v1")).content == whole.manifest
    assert client.get(url(first.digest)).content == first.manifest


def test_docker_manifests_and_lists(client: httpx.Client) -> None:
    layer = images.Blob(b"layer", images.DOCKER_LAYER, "x")
    whole = images.docker_image(layer)
    listed = images.index({"amd64": whole}, images.DOCKER_LIST)
    images.push(client, NAME, listed, "v1")
    assert client.get(url("v1")).headers["content-type"] == images.DOCKER_LIST
    assert client.get(url(whole.digest)).headers["content-type"] == images.DOCKER_MANIFEST


def test_a_manifest_by_sha512(client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole)
    digest = sha512(whole.manifest)
    assert put(client, whole.manifest, digest).headers["docker-content-digest"] == digest
    assert client.get(url(digest)).content == whole.manifest


def test_tag_parameters(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole)
    query = f"{whole.digest}?tag=a&tag=b&tag=a"
    pushed = put(client, whole.manifest, query)
    assert pushed.status_code == 201
    assert pushed.headers.get_list("oci-tag") == ["a", "b"]
    assert client.get(url("b")).content == whole.manifest
    other = image("b")
    for blob in other.blobs:
        put_blob(client, blob.content)
    with Unchanged(registry):
        refused(
            put(client, other.manifest, f"{other.digest}?tag=c&tag=-"), 400, "TAG_INVALID", "'-'"
        )
        many = "&".join(f"tag=t{number}" for number in range(101))
        refused(put(client, other.manifest, f"{other.digest}?{many}"), 400, "TAG_INVALID", "101")


@pytest.mark.parametrize("tag", ["-x", ".x", "a b", "x" * 129, "a+b", "a\u0300"])
def test_a_tag_outside_the_grammar_is_named(
    registry: Registry, client: httpx.Client, tag: str
) -> None:
    with Unchanged(registry):
        answer = registry.raw("PUT", b"/v2/team/app/manifests/" + tag.encode(), [b"{}"])
        assert (answer.status, answer.error["code"]) == (400, "TAG_INVALID")
        got = registry.raw("GET", b"/v2/team/app/manifests/" + tag.encode())
        assert (got.status, got.error["code"]) == (400, "TAG_INVALID")


def test_a_wrong_digest_is_named(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole)
    other = images.digest_of(b"other")
    with Unchanged(registry):
        refused(put(client, whole.manifest, other), 400, "DIGEST_INVALID", whole.digest)
        for malformed in ("sha256:0", "md5:" + "0" * 32):
            refused(put(client, whole.manifest, malformed), 400, "DIGEST_INVALID", malformed[:3])


def test_over_four_mebibytes(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole)
    fitting = whole.manifest + b" " * (SIZE_MAX - len(whole.manifest))
    assert put(client, fitting).status_code == 201
    assert client.get(url("v1")).content == fitting

    def streamed() -> Iterator[bytes]:
        yield fitting
        yield b" "

    with Unchanged(registry):
        refused(put(client, fitting + b" "), 413, "MANIFEST_INVALID", str(SIZE_MAX))
        answer = client.put(url("v1"), content=streamed())
        refused(answer, 413, "MANIFEST_INVALID", str(SIZE_MAX))


def wrong() -> list[tuple[bytes, str, str]]:
    good = json.loads(image().manifest)
    return [
        (b"", images.OCI_MANIFEST, "not JSON"),
        (b"not json", images.OCI_MANIFEST, "not JSON"),
        (b"[]", images.OCI_MANIFEST, "not a JSON object"),
        (image().manifest, "text/plain", "text/plain"),
        (image().manifest, images.OCI_INDEX, images.OCI_INDEX),
        (raw_json(good | {"mediaType": "application/x"}), "application/x", "not supported"),
        (raw_json(good | {"schemaVersion": 1}), images.OCI_MANIFEST, "schemaVersion"),
        (raw_json(good | {"layers": 5}), images.OCI_MANIFEST, "layers"),
        (raw_json(good | {"artifactType": "\ud800"}), images.OCI_MANIFEST, "artifactType"),
        (raw_json(good).decode().encode("utf-16"), images.OCI_MANIFEST, "not JSON"),
    ]


@pytest.mark.parametrize(("content", "media_type", "named"), wrong())
def test_what_is_no_manifest_is_refused(
    registry: Registry, client: httpx.Client, content: bytes, media_type: str, named: str
) -> None:
    images.push(client, NAME, image())
    with Unchanged(registry):
        refused(put(client, content, media_type=media_type), 400, "MANIFEST_INVALID", named)


def test_a_body_of_another_length_or_half_a_body_is_not_kept(registry: Registry) -> None:
    path = url("v1").encode()
    with Unchanged(registry):
        for length, hang_up in ((b"5", False), (b"500", True), (b"x", False)):
            headers = [(b"content-length", length)]
            answer = registry.raw("PUT", path, [b"{" * 50], hang_up=hang_up, headers=headers)
            assert (answer.status, answer.error["code"]) == (400, "SIZE_INVALID")


def test_missing_content_is_named(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    put_blob(client, whole.blobs[0].content)
    with Unchanged(registry):
        answer = put(client, whole.manifest)
        refused(answer, 400, "MANIFEST_BLOB_UNKNOWN", whole.blobs[1].digest)
        assert whole.blobs[0].digest not in answer.text


def test_a_size_that_is_not_the_blobs_is_named(registry: Registry, client: httpx.Client) -> None:
    whole = image()
    images.push(client, NAME, whole)
    document = json.loads(whole.manifest)
    document["layers"][0]["size"] += 1
    with Unchanged(registry):
        refused(put(client, raw_json(document)), 400, "MANIFEST_INVALID", whole.blobs[1].digest)


class TestSparse:
    """`sparse_manifests`: who may name content that is not there."""

    @pytest.mark.parametrize(
        ("sparse", "index", "layers"),
        [("none", 400, 400), ("index", 201, 400), ("all", 201, 201)],
    )
    def test_each_setting(
        self, open_one: OpenRegistry, sparse: str, index: int, layers: int
    ) -> None:
        registry = open_one(sparse_manifests=sparse)
        registry.create(NAME)
        whole = image()
        with registry.http() as client:
            listed = images.index({"amd64": whole})
            answer = put(client, listed.manifest, media_type=images.OCI_INDEX)
            assert answer.status_code == index
            if index == 400:
                refused(answer, 400, "MANIFEST_BLOB_UNKNOWN", whole.digest)
            assert put(client, whole.manifest).status_code == layers

    def test_what_came_later_is_held_after_another_push(self, open_one: OpenRegistry) -> None:
        registry = open_one(sparse_manifests="all")
        registry.create(NAME)
        whole = image()
        with registry.http() as client:
            assert put(client, whole.manifest).status_code == 201
            images.push(client, NAME, whole, "v1")
            for blob in whole.blobs:
                answer = client.delete(f"/v2/{NAME}/blobs/{blob.digest}")
                refused(answer, 405, "UNSUPPORTED", whole.digest)


class TestDeletion:
    def test_a_tag_leaves_its_image(self, client: httpx.Client) -> None:
        whole = image()
        images.push(client, NAME, whole, "v1")
        assert client.delete(url("v1")).status_code == 202
        refused(client.get(url("v1")), 404, "MANIFEST_UNKNOWN", "'v1'")
        refused(client.delete(url("v1")), 404, "MANIFEST_UNKNOWN", "'v1'")
        assert client.get(url(whole.digest)).status_code == 200

    def test_an_image_takes_its_tags_along(self, registry: Registry, client: httpx.Client) -> None:
        whole = image()
        images.push(client, NAME, whole, "v1")
        images.put_manifest(client, NAME, whole, "v2")
        assert client.get(url("v2")).status_code == 200
        assert client.delete(url(whole.digest)).status_code == 202
        for reference in ("v1", "v2", whole.digest):
            refused(client.get(url(reference)), 404, "MANIFEST_UNKNOWN", reference)
        refused(client.delete(url(whole.digest)), 404, "MANIFEST_UNKNOWN", whole.digest)
        here, rows = registry.repositories.get(SCOPE, NAME).id, registry.rows()
        assert rows["tags"] == []
        assert here not in {row[1] for row in rows["images"]}

    def test_a_child_of_an_index_stays(self, registry: Registry, client: httpx.Client) -> None:
        listed = images.multi_arch()
        images.push(client, NAME, listed, "v1")
        with Unchanged(registry):
            for child in listed.children:
                refused(client.delete(url(child.digest)), 405, "UNSUPPORTED", listed.digest)
        assert client.delete(url(listed.digest)).status_code == 202
        assert client.delete(url(listed.children[0].digest)).status_code == 202

    def test_what_never_was_is_unknown(self, registry: Registry, client: httpx.Client) -> None:
        with Unchanged(registry):
            digest = images.digest_of(b"never")
            refused(client.delete(url(digest)), 404, "MANIFEST_UNKNOWN", digest)
            refused(client.delete(url("v1", "team/none")), 404, "NAME_UNKNOWN", "team/none")


IMMUTABLE: list[dict[str, Any]] = [
    {"mutability": "IMMUTABLE"},
    {"mutability": "IMMUTABLE_WITH_EXCLUSION", "exclusions": ["dev-*", "latest"]},
    {"mutability": "MUTABLE_WITH_EXCLUSION", "exclusions": ["v*"]},
]


@pytest.mark.parametrize("options", IMMUTABLE)
def test_an_immutable_tag_stays(
    registry: Registry, client: httpx.Client, options: dict[str, Any]
) -> None:
    registry.create("team/fixed", **options)
    first, second = image("a"), image("b")
    images.push(client, "team/fixed", first, "v1")
    images.push(client, "team/fixed", second)
    with Unchanged(registry):
        expected = (
            "The image tag 'v1' already exists in the 'team/fixed' repository"
            " and cannot be overwritten because the repository is immutable."
        )
        answer = put(client, second.manifest, "v1", "team/fixed")
        refused(answer, 400, "TAG_INVALID", expected)
        answer = put(client, second.manifest, f"{second.digest}?tag=new&tag=v1", "team/fixed")
        refused(answer, 400, "TAG_INVALID", expected)
    assert put(client, first.manifest, "v1", "team/fixed").status_code == 201
    free = put(client, first.manifest, "dev-1", "team/fixed").status_code
    moved = put(client, second.manifest, "dev-1", "team/fixed").status_code
    assert (free, moved) == (201, 400 if options["mutability"] == "IMMUTABLE" else 201)
