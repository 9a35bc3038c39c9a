"""Storage that fails at any call: the right refusal, no half state, and recovery."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from registry.storage.driver import Buffer, Driver, Stat
from registry.values import errors
from registry.values.errors import MoorageError, StorageFull, StorageUnavailable
from tests import images
from tests.application import Registry
from tests.oci.bodies import NAME, put_blob, refused, start

CONTENT = b"content" * 100
DIGEST = images.digest_of(CONTENT)


@dataclass(frozen=True)
class Fault:
    """What storage raises, and the status it becomes."""

    error: MoorageError
    status: int


CASES = [
    Fault(StorageFull("no space is left on the disk"), 507),
    Fault(StorageUnavailable("the object store does not answer"), 503),
]
each_fault = pytest.mark.parametrize("fault", CASES, ids=["full", "unavailable"])


def told(answer: httpx.Response, fault: Fault) -> None:
    """Fail unless the answer is the fault's."""
    refused(answer, fault.status, "UNAVAILABLE", str(fault.error))


class Faulty:
    """A driver whose named call fails, before or after it took effect."""

    def __init__(self, inner: Driver) -> None:
        self._inner = inner
        self.broken: dict[str, MoorageError] = {}
        self.late = False

    def _fail(self, call: str) -> None:
        if error := self.broken.get(call):
            raise error

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        def cut() -> Iterator[Buffer]:
            yield from chunks
            self._fail("put")

        return self._inner.put(path, cut())

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        self._fail("get")
        return self._inner.get(path, offset, length)

    def stat(self, path: str) -> Stat:
        self._fail("stat")
        return self._inner.stat(path)

    def list(self, prefix: str) -> Iterator[str]:
        return self._inner.list(prefix)

    def delete(self, path: str) -> None:
        self._fail("delete")
        self._inner.delete(path)

    def move(self, source: str, target: str) -> None:
        if not self.late:
            self._fail("move")
        self._inner.move(source, target)
        self._fail("move")


@pytest.fixture
def faulty(registry: Registry) -> Faulty:
    return Faulty(registry.ground.storage)


@pytest.fixture
def broken(registry: Registry, faulty: Faulty) -> Iterator[httpx.Client]:
    """A client of an application over storage that may fail."""
    registry.create(NAME)
    with registry.over(faulty).http() as client:
        yield client


def finish(client: httpx.Client, location: str) -> httpx.Response:
    return client.put(location, params={"digest": DIGEST}, content=CONTENT)


def stored(client: httpx.Client) -> bool:
    got = client.get(f"/v2/{NAME}/blobs/{DIGEST}")
    return got.status_code == 200 and got.content == CONTENT


@each_fault
def test_a_chunk_that_cannot_be_stored(
    registry: Registry, faulty: Faulty, broken: httpx.Client, fault: Fault
) -> None:
    location = start(broken)
    before = registry.stored()
    faulty.broken = {"put": fault.error}
    told(broken.patch(location, content=CONTENT), fault)
    assert registry.stored() == before
    at_once = broken.post(f"/v2/{NAME}/blobs/uploads/", params={"digest": DIGEST}, content=CONTENT)
    told(at_once, fault)
    assert registry.stored() == before
    faulty.broken = {}
    assert broken.put(location, params={"digest": DIGEST}, content=CONTENT).status_code == 201
    assert stored(broken)


@pytest.mark.parametrize("late", [False, True])
@each_fault
def test_a_blob_that_cannot_be_moved_into_place_can_be_tried_again(
    registry: Registry, faulty: Faulty, broken: httpx.Client, fault: Fault, late: bool
) -> None:
    location = start(broken)
    faulty.late = late
    faulty.broken = {"move": fault.error}
    told(finish(broken, location), fault)
    assert registry.rows()["blobs"] == []
    assert not stored(broken)
    faulty.broken = {}
    assert broken.get(location).headers["range"] == "0-0"
    assert finish(broken, location).status_code == 201
    assert stored(broken)
    assert [row[2] for row in registry.rows()["blobs"]] == [DIGEST]


@pytest.mark.parametrize("call", ["get", "put"])
@each_fault
def test_parts_that_cannot_be_joined_stay(
    registry: Registry, faulty: Faulty, broken: httpx.Client, fault: Fault, call: str
) -> None:
    location = start(broken)
    for part in (CONTENT[:300], CONTENT[300:]):
        broken.patch(location, content=part)
    before = registry.stored()
    faulty.broken = {call: fault.error}
    answer = broken.put(location, params={"digest": DIGEST})
    told(answer, fault)
    assert registry.stored() == before
    faulty.broken = {}
    assert broken.put(location, params={"digest": DIGEST}).status_code == 201
    assert stored(broken)
    registry.check_whole()


@each_fault
def test_an_older_copy_that_cannot_be_looked_at(
    registry: Registry, faulty: Faulty, broken: httpx.Client, fault: Fault
) -> None:
    put_blob(broken, CONTENT)
    location = start(broken)
    broken.patch(location, content=CONTENT)
    before = registry.stored()
    faulty.broken = {"stat": fault.error}
    told(broken.put(location, params={"digest": DIGEST}), fault)
    assert registry.stored() == before
    faulty.broken = {}
    assert broken.put(location, params={"digest": DIGEST}).status_code == 201
    registry.check_whole()


@each_fault
def test_a_blob_that_cannot_be_read(faulty: Faulty, broken: httpx.Client, fault: Fault) -> None:
    put_blob(broken, CONTENT)
    faulty.broken = {"get": fault.error}
    url = f"/v2/{NAME}/blobs/{DIGEST}"
    told(broken.get(url), fault)
    told(broken.get(url, headers={"range": "bytes=5-9"}), fault)
    assert broken.head(url).status_code == 200
    faulty.broken = {}
    assert stored(broken)


@each_fault
def test_waste_that_cannot_be_deleted_fails_nothing(
    registry: Registry, faulty: Faulty, broken: httpx.Client, fault: Fault
) -> None:
    faulty.broken = {"delete": fault.error}
    location = start(broken)
    broken.patch(location, content=CONTENT[:300])
    assert broken.put(location, params={"digest": DIGEST}, content=CONTENT[300:]).status_code == 201
    assert stored(broken)
    assert broken.delete(f"/v2/{NAME}/blobs/{DIGEST}").status_code == 202
    assert broken.get(f"/v2/{NAME}/blobs/{DIGEST}").status_code == 404
    faulty.broken = {}
    put_blob(broken, CONTENT)
    assert stored(broken)


def test_damaged_bytes_are_refused_and_told_to_the_log(
    registry: Registry, broken: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    put_blob(broken, CONTENT)
    (path,) = registry.objects()
    file = registry.settings.data / "storage" / path
    whole = file.read_bytes()
    url = f"/v2/{NAME}/blobs/{DIGEST}"
    damaged = [whole[:-1], whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:], b"", whole + b"x"]
    for content in damaged:
        file.write_bytes(content)
        with caplog.at_level(logging.ERROR, "moorage.oci"):
            answer = broken.get(url)
        assert answer.status_code == 500
        assert answer.json()["errors"][0]["code"] == "UNKNOWN"
    file.unlink()
    assert broken.get(url).status_code == 500
    assert DIGEST in caplog.text
    file.write_bytes(whole)
    assert stored(broken)


class TestTable:
    """oci/errors.py: each domain error has one answer."""

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (errors.NameInvalid("x"), 400, "NAME_INVALID"),
            (errors.TagInvalid("x"), 400, "TAG_INVALID"),
            (errors.DigestInvalid("x"), 400, "DIGEST_INVALID"),
            (errors.DigestMismatch("x"), 400, "DIGEST_INVALID"),
            (errors.SizeInvalid("x"), 400, "SIZE_INVALID"),
            (errors.RangeInvalid("x"), 416, "BLOB_UPLOAD_INVALID"),
            (errors.ManifestTooLarge("x"), 413, "MANIFEST_INVALID"),
            (errors.ManifestReferenceUnknown(["x"]), 400, "MANIFEST_BLOB_UNKNOWN"),
            (errors.ManifestInvalid("x"), 400, "MANIFEST_INVALID"),
            (errors.ParameterInvalid("x"), 400, "UNSUPPORTED"),
            (errors.RepositoryNotFound("x", "1"), 404, "NAME_UNKNOWN"),
            (errors.ImageNotFound("x"), 404, "MANIFEST_UNKNOWN"),
            (errors.BlobNotFound("x"), 404, "BLOB_UNKNOWN"),
            (errors.UploadNotFound("x"), 404, "BLOB_UPLOAD_UNKNOWN"),
            (errors.Vanished("x"), 404, "NAME_UNKNOWN"),
            (errors.TagImmutable("x", "y"), 400, "TAG_INVALID"),
            (errors.UploadConflict("x"), 416, "BLOB_UPLOAD_INVALID"),
            (errors.ImageReferenced("x"), 405, "UNSUPPORTED"),
            (errors.BlobReferenced("x"), 405, "UNSUPPORTED"),
            (errors.TokenExpired("x"), 403, "DENIED"),
            (errors.Denied("x"), 403, "DENIED"),
            (errors.KeyUnavailable("x"), 403, "DENIED"),
            (errors.StorageFull("x"), 507, "UNAVAILABLE"),
            (errors.StorageUnavailable("x"), 503, "UNAVAILABLE"),
            (errors.Damaged("x"), 500, "UNKNOWN"),
            (errors.Interrupted("x"), 400, "SIZE_INVALID"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_each_error(
        self, registry: Registry, faulty: Faulty, error: MoorageError, status: int, code: str
    ) -> None:
        registry.create(NAME)
        faulty.broken = {"put": error}
        with registry.over(faulty).http() as client:
            params = {"digest": DIGEST}
            answer = client.post(f"/v2/{NAME}/blobs/uploads/", params=params, content=CONTENT)
        refused(answer, status, code, str(error))
        assert registry.objects() == set()
        assert registry.rows()["uploads"] == []
