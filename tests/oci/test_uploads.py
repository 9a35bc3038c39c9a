from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests import images
from tests.application import Registry
from tests.oci.bodies import NAME, Unchanged, put_blob, refused, sha512, start

CONTENT = b"0123456789" * 100
DIGEST = images.digest_of(CONTENT)
LENGTH_1 = [(b"content-length", b"1")]
OTHER = images.digest_of(b"other")


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def patch(
    client: httpx.Client, location: str, part: bytes, first: int | None = None
) -> httpx.Response:
    headers = {"content-type": "application/octet-stream"}
    if first is not None:
        headers["content-range"] = f"{first}-{first + len(part) - 1}"
    return client.patch(location, content=part, headers=headers)


def finish(client: httpx.Client, location: str, digest: str, rest: bytes = b"") -> httpx.Response:
    return client.put(location, params={"digest": digest}, content=rest)


def holds(client: httpx.Client, content: bytes = CONTENT, name: str = NAME) -> bool:
    return client.get(f"/v2/{name}/blobs/{images.digest_of(content)}").content == content


def test_post_then_put(registry: Registry, client: httpx.Client) -> None:
    location = start(client)
    assert location.startswith(f"/v2/{NAME}/blobs/uploads/")
    done = finish(client, location, DIGEST, CONTENT)
    assert done.status_code == 201
    assert done.headers["location"] == f"/v2/{NAME}/blobs/{DIGEST}"
    assert done.headers["docker-content-digest"] == DIGEST
    assert holds(client)
    assert registry.rows()["uploads"] == []
    assert len(registry.objects()) == 1


def test_everything_in_one_post(registry: Registry, client: httpx.Client) -> None:
    done = client.post(f"/v2/{NAME}/blobs/uploads/", params={"digest": DIGEST}, content=CONTENT)
    assert done.status_code == 201
    assert done.headers["location"] == f"/v2/{NAME}/blobs/{DIGEST}"
    assert holds(client)
    assert registry.rows()["uploads"] == []


def test_chunks(registry: Registry, client: httpx.Client) -> None:
    location = start(client)
    assert client.get(location).headers["range"] == "0-0"
    for first in range(0, 900, 300):
        answer = patch(client, location, CONTENT[first : first + 300], first)
        assert (answer.status_code, answer.headers["range"]) == (202, f"0-{first + 299}")
        location = answer.headers["location"]
    status = client.get(location)
    assert (status.status_code, status.headers["range"]) == (204, "0-899")
    assert status.headers["location"] == location
    assert finish(client, location, DIGEST, CONTENT[900:]).status_code == 201
    assert holds(client)
    registry.check_whole()
    assert len(registry.objects()) == 1


def test_a_stream_without_lengths(client: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        for first in range(0, 1000, 100):
            yield CONTENT[first : first + 100]

    location = start(client)
    answer = client.patch(location, content=parts())
    assert (answer.status_code, answer.headers["range"]) == (202, "0-999")
    assert finish(client, location, DIGEST).status_code == 201
    assert holds(client)


def test_chunks_of_a_sha512_blob(client: httpx.Client) -> None:
    location = start(client)
    patch(client, location, CONTENT[:10])
    patch(client, location, CONTENT[10:])
    assert finish(client, location, sha512(CONTENT)).status_code == 201
    assert client.get(f"/v2/{NAME}/blobs/{sha512(CONTENT)}").content == CONTENT


@pytest.mark.parametrize("offset", [0, 5, 11, 500])
def test_a_chunk_at_the_wrong_offset_is_told_the_right_one(
    registry: Registry, client: httpx.Client, offset: int
) -> None:
    location = start(client)
    patch(client, location, CONTENT[:10], 0)
    with Unchanged(registry):
        answer = patch(client, location, CONTENT[10:20], offset)
        refused(answer, 416, "BLOB_UPLOAD_INVALID", "stands at byte 10")
        assert answer.headers["range"] == "0-9"
        assert answer.headers["location"] == location
        headers = {"content-range": f"{offset}-{offset + 9}"}
        last = client.put(
            location, params={"digest": DIGEST}, content=CONTENT[10:20], headers=headers
        )
        refused(last, 416, "BLOB_UPLOAD_INVALID", "stands at byte 10")
    patch(client, location, CONTENT[10:20], 10)
    assert finish(client, location, DIGEST, CONTENT[20:]).status_code == 201


@pytest.mark.parametrize(
    ("header", "named"),
    [("0-4", "Content-Range speaks of 5 bytes, Content-Length of 10"),
     ("nonsense", "'nonsense'"), ("9-0", "ends before it begins"), ("bytes */10", "Content-Range")],
)  # fmt: skip
def test_a_wrong_content_range_is_named(
    registry: Registry, client: httpx.Client, header: str, named: str
) -> None:
    location = start(client)
    with Unchanged(registry):
        answer = client.patch(location, content=CONTENT[:10], headers={"content-range": header})
        refused(answer, 400, "SIZE_INVALID", named)


@pytest.mark.parametrize("length", [b"x", b"-1", b"", b"1" * 30, b"9" * 5000, "٣".encode()])
def test_a_content_length_that_is_no_number_is_named(registry: Registry, length: bytes) -> None:
    with registry.http() as client:
        path = start(client).encode()
    with Unchanged(registry):
        answer = registry.raw("PATCH", path, [b"a"], headers=[(b"content-length", length)])
    assert (answer.status, answer.error["code"]) == (400, "SIZE_INVALID")
    assert "Content-Length" in answer.error["message"]


@pytest.mark.parametrize("length", [b"5", b"15"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_body_of_another_length_is_not_kept(
    registry: Registry, length: bytes, method: str
) -> None:
    with registry.http() as client:
        path = start(client).encode() + b"?digest=" + images.digest_of(CONTENT[:10]).encode()
    with Unchanged(registry):
        answer = registry.raw(method, path, [CONTENT[:10]], headers=[(b"content-length", length)])
    assert (answer.status, answer.error["code"]) == (400, "SIZE_INVALID")
    assert f"not the {length.decode()} announced" in answer.error["message"]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST"])
@pytest.mark.parametrize("sent", [0, 1, 700_000])
def test_who_hangs_up_leaves_nothing(registry: Registry, method: str, sent: int) -> None:
    query = b"?digest=" + DIGEST.encode()
    with registry.http() as client:
        path = start(client).encode() + query
    if method == "POST":
        path = f"/v2/{NAME}/blobs/uploads/".encode() + query
    with Unchanged(registry):
        answer = registry.raw(
            method, path, [b"x" * sent], hang_up=True, headers=[(b"content-length", b"1000000")]
        )
    assert answer.status == 400
    assert "hung up" in answer.error["message"]


def test_another_content_than_was_announced_ends_the_upload(
    registry: Registry, client: httpx.Client
) -> None:
    location = start(client)
    refused(finish(client, location, OTHER, CONTENT), 400, "DIGEST_INVALID", DIGEST)
    assert client.get(location).status_code == 404
    chunked = start(client)
    patch(client, chunked, CONTENT[:500])
    patch(client, chunked, CONTENT[500:])
    refused(finish(client, chunked, OTHER), 400, "DIGEST_INVALID", DIGEST)
    at_once = client.post(f"/v2/{NAME}/blobs/uploads/", params={"digest": OTHER}, content=CONTENT)
    refused(at_once, 400, "DIGEST_INVALID", OTHER)
    assert registry.objects() == set()
    assert registry.rows()["uploads"] == []
    assert registry.rows()["blobs"] == []


@pytest.mark.parametrize("digest", [None, "", "sha256", "sha256:00", "md5:" + "0" * 32])
def test_a_finish_without_a_proper_digest_changes_nothing(
    registry: Registry, client: httpx.Client, digest: str | None
) -> None:
    location = start(client)
    patch(client, location, CONTENT)
    with Unchanged(registry):
        params = {} if digest is None else {"digest": digest}
        refused(client.put(location, params=params), 400, "DIGEST_INVALID", "dig")
    assert finish(client, location, DIGEST).status_code == 201


def test_an_upload_that_nobody_began_is_unknown(registry: Registry, client: httpx.Client) -> None:
    with Unchanged(registry):
        for name in ("00000000-0000-0000-0000-000000000000", "..", "x" * 500, "%2e"):
            path = f"/v2/{NAME}/blobs/uploads/{name}".encode()
            for method in ("GET", "PATCH", "PUT", "DELETE"):
                answer = registry.raw(
                    method, path + b"?digest=" + DIGEST.encode(), [b"a"], headers=LENGTH_1
                )
                expected = (400, "NAME_INVALID") if name == "%2e" else (404, "BLOB_UPLOAD_UNKNOWN")
                assert (answer.status, answer.error["code"]) == expected


def test_a_cancelled_upload_is_gone(registry: Registry, client: httpx.Client) -> None:
    location = start(client)
    patch(client, location, CONTENT)
    assert client.delete(location).status_code == 204
    for answer in (
        client.get(location),
        client.delete(location),
        patch(client, location, b"x"),
        finish(client, location, DIGEST),
    ):
        refused(answer, 404, "BLOB_UPLOAD_UNKNOWN", location.rpartition("/")[2])
    assert registry.objects() == set()


def test_a_finished_upload_is_gone(client: httpx.Client) -> None:
    location = start(client)
    assert finish(client, location, DIGEST, CONTENT).status_code == 201
    refused(finish(client, location, DIGEST, CONTENT), 404, "BLOB_UPLOAD_UNKNOWN", "upload")


def test_an_upload_belongs_to_its_repository(registry: Registry, client: httpx.Client) -> None:
    registry.create("team/other")
    location = start(client)
    elsewhere = location.replace(NAME, "team/other")
    refused(client.get(elsewhere), 404, "BLOB_UPLOAD_UNKNOWN", "upload")
    refused(finish(client, elsewhere, DIGEST, CONTENT), 404, "BLOB_UPLOAD_UNKNOWN", "upload")


def test_a_deleted_repository_takes_its_uploads_along(
    registry: Registry, client: httpx.Client
) -> None:
    location = start(client)
    patch(client, location, CONTENT)
    assert registry.objects()
    registry.ecr().delete_repository(repositoryName=NAME)
    assert registry.objects() == set()
    registry.create(NAME)
    refused(client.get(location), 404, "BLOB_UPLOAD_UNKNOWN", "upload")


def test_an_unknown_algorithm_is_refused_at_the_start(
    registry: Registry, client: httpx.Client
) -> None:
    with Unchanged(registry):
        answer = client.post(f"/v2/{NAME}/blobs/uploads/", params={"digest-algorithm": "md5"})
        refused(answer, 400, "DIGEST_INVALID", "'md5'")


def test_a_push_repairs_a_blob_whose_bytes_were_lost_or_cut(
    registry: Registry, client: httpx.Client
) -> None:
    put_blob(client, CONTENT)
    for left in (None, b"MOOR", b""):
        (path,) = registry.objects()
        file = registry.settings.data / "storage" / path
        file.unlink() if left is None else file.write_bytes(left)
        other = registry.beside()
        with other.http() as beside:
            put_blob(beside, CONTENT)
            assert holds(beside)
        other.close()
        registry.check_whole()
        assert len(registry.objects()) == 1
    assert holds(client)


class TestMount:
    @pytest.fixture(autouse=True)
    def _source(self, registry: Registry, client: httpx.Client) -> None:
        registry.create("team/source")
        put_blob(client, CONTENT, "team/source")

    def mount(self, client: httpx.Client, name: str = NAME, **query: str) -> httpx.Response:
        return client.post(f"/v2/{name}/blobs/uploads/", params={"mount": DIGEST, **query})

    def test_from_a_repository(self, registry: Registry, client: httpx.Client) -> None:
        answer = self.mount(client, **{"from": "team/source"})
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/v2/{NAME}/blobs/{DIGEST}"
        assert holds(client)
        assert len(registry.objects()) == 1

    def test_from_anywhere(self, client: httpx.Client) -> None:
        assert self.mount(client).status_code == 201
        assert holds(client)

    @pytest.mark.parametrize("source", ["team/none", NAME, "../x", ""])
    def test_from_where_it_is_not_begins_an_upload(self, client: httpx.Client, source: str) -> None:
        answer = self.mount(client, **{"from": source})
        assert answer.status_code == 202
        assert not holds(client)
        assert finish(client, answer.headers["location"], DIGEST, CONTENT).status_code == 201

    def test_of_an_unknown_blob_begins_an_upload(self, client: httpx.Client) -> None:
        answer = client.post(f"/v2/{NAME}/blobs/uploads/", params={"mount": OTHER})
        assert answer.status_code == 202

    def test_of_a_malformed_digest_is_refused(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        with Unchanged(registry):
            answer = client.post(f"/v2/{NAME}/blobs/uploads/", params={"mount": "sha256:1"})
            refused(answer, 400, "DIGEST_INVALID", "sha256:1")

    def test_across_keys_begins_an_upload(self, registry: Registry, client: httpx.Client) -> None:
        key = registry.ground.keys.create("another")
        registry.ecr().create_repository(
            repositoryName="team/keyed",
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key.key_id},
        )
        answer = self.mount(client, "team/keyed", **{"from": "team/source"})
        assert answer.status_code == 202
        assert not holds(client, name="team/keyed")
