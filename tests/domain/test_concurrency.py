"""Threads that get in each other's way: the outcome is always some serial order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.domain.repositories import Repository
from registry.domain.uploads import Upload
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    BlobReferenced,
    ManifestReferenceUnknown,
    MoorageError,
    RepositoryNotFound,
    TagImmutable,
    UploadConflict,
    UploadNotFound,
    Vanished,
)
from tests import images
from tests.application import SCOPE, OpenRegistry, Registry

ARN = "arn:aws:iam::123456789012:user/ada"
CONTENT = b"layer" * 1000
DIGEST = Digest.of(CONTENT)
ROUNDS = 12


def at_once(*work: Callable[[], object]) -> list[object]:
    """What each returns or raises, all begun at the same moment."""
    ready = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> object:
        ready.wait()
        try:
            return one()
        except MoorageError as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    """Where what is deleted is gone at once."""
    return open_one(undelete_days=0)


@pytest.fixture
def repository(registry: Registry) -> Repository:
    return registry.create("team/app")


def begun(registry: Registry, repository: Repository, *parts: bytes) -> Upload:
    upload = registry.uploads.start(repository, ARN)
    for part in parts:
        upload = registry.uploads.append(repository, ARN, upload.id, [part])
    return upload


def failed(outcomes: list[object]) -> list[MoorageError]:
    return [outcome for outcome in outcomes if isinstance(outcome, MoorageError)]


def readable(registry: Registry, repository: Repository) -> bool:
    """Whether the blob is there; if it is, it is whole."""
    try:
        blob = registry.blobs.get(repository, DIGEST)
    except BlobNotFound:
        return False
    assert b"".join(bytes(part) for part in registry.blobs.open(repository, blob)) == CONTENT
    return True


def settled(registry: Registry) -> None:
    """Rows and objects agree, and nothing is left of uploads that have ended."""
    registry.check_whole()
    still = {row[0] for row in registry.rows()["uploads"]}
    left = {path.split("/")[2] for path in registry.objects() if path.startswith("uploads/")}
    assert left <= still


def test_fifty_pushers_of_one_immutable_tag(registry: Registry) -> None:
    repository = registry.create("team/fixed", mutability="IMMUTABLE")
    made = [images.oci_image(images.Blob(b"%d" % n, images.OCI_LAYER, "x")) for n in range(50)]
    for image in made:
        for blob in image.blobs:
            registry.hold_blob(repository, blob.content)

    def push(image: images.Image) -> Callable[[], object]:
        return lambda: registry.images.put(repository, image.manifest, tag_names=["v1"])

    outcomes = at_once(*(push(image) for image in made))
    winners = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, MoorageError)]
    assert len(winners) == 1
    assert all(isinstance(error, TagImmutable) for error in failed(outcomes))
    assert registry.images.get(repository, "v1").content == made[winners[0]].manifest
    assert len(registry.rows()["images"]) == 1


@pytest.mark.parametrize("parts", [(CONTENT,), (CONTENT[:99], CONTENT[99:])])
def test_two_uploads_of_one_blob(
    registry: Registry, repository: Repository, parts: tuple[bytes, ...]
) -> None:
    other = registry.create("team/other")
    for _ in range(ROUNDS):
        first, second = begun(registry, repository, *parts), begun(registry, other, *parts)
        outcomes = at_once(
            lambda first=first: registry.uploads.finish(repository, ARN, first.id, DIGEST),  # type: ignore[misc]  # bound now
            lambda second=second: registry.uploads.finish(other, ARN, second.id, DIGEST),  # type: ignore[misc]  # bound now
        )
        assert not failed(outcomes)
        assert readable(registry, repository)
        assert readable(registry, other)
        assert len(registry.objects()) == 1
        for each in (repository, other):
            registry.blobs.unlink(each, DIGEST)
        settled(registry)


@pytest.mark.parametrize("parts", [(CONTENT,), (CONTENT[:99], CONTENT[99:])])
def test_one_upload_finished_twice(
    registry: Registry, repository: Repository, parts: tuple[bytes, ...]
) -> None:
    for _ in range(ROUNDS):
        upload = begun(registry, repository, *parts)

        def finish(upload: Upload = upload) -> object:
            return registry.uploads.finish(repository, ARN, upload.id, DIGEST)

        outcomes = at_once(finish, finish)
        assert all(isinstance(e, UploadNotFound | UploadConflict) for e in failed(outcomes))
        assert len(failed(outcomes)) == 1
        assert readable(registry, repository)
        settled(registry)
        registry.blobs.unlink(repository, DIGEST)


@pytest.mark.parametrize("parts", [(CONTENT,), (CONTENT[:99], CONTENT[99:])])
def test_finish_beside_cancel(
    registry: Registry, repository: Repository, parts: tuple[bytes, ...]
) -> None:
    for _ in range(ROUNDS):
        upload = begun(registry, repository, *parts)

        def finish(upload: Upload = upload) -> object:
            return registry.uploads.finish(repository, ARN, upload.id, DIGEST)

        def cancel(upload: Upload = upload) -> None:
            registry.uploads.cancel(repository, ARN, upload.id)

        finished, cancelled = at_once(finish, cancel)
        stands = not isinstance(finished, MoorageError)
        assert isinstance(finished, UploadNotFound | UploadConflict) or stands
        assert readable(registry, repository) == stands
        assert cancelled is None or isinstance(cancelled, UploadNotFound)
        settled(registry)
        assert registry.rows()["uploads"] == []
        if stands:
            registry.blobs.unlink(repository, DIGEST)


def test_finish_beside_append_loses_no_part(registry: Registry, repository: Repository) -> None:
    for _ in range(ROUNDS):
        upload = begun(registry, repository, CONTENT)

        def finish(upload: Upload = upload) -> object:
            return registry.uploads.finish(repository, ARN, upload.id, DIGEST)

        def append(upload: Upload = upload) -> object:
            return registry.uploads.append(repository, ARN, upload.id, [b"more"])

        finished, appended = at_once(finish, append)
        if isinstance(finished, UploadConflict):
            assert isinstance(appended, Upload)
            whole = Digest.of(CONTENT + b"more")
            registry.uploads.finish(repository, ARN, upload.id, whole)
            registry.blobs.unlink(repository, whole)
        elif isinstance(finished, MoorageError):
            assert "digest" in str(finished)
        else:
            assert readable(registry, repository)
            assert isinstance(appended, UploadNotFound | UploadConflict)
            registry.blobs.unlink(repository, DIGEST)
        settled(registry)


def test_two_appends_at_one_place(registry: Registry, repository: Repository) -> None:
    for _ in range(ROUNDS):
        upload = registry.uploads.start(repository, ARN)

        def append(text: bytes, upload: Upload = upload) -> Callable[[], object]:
            return lambda: registry.uploads.append(repository, ARN, upload.id, [text], offset=0)

        outcomes = at_once(append(b"first"), append(b"other"))
        assert len(failed(outcomes)) == 1
        assert registry.uploads.get(repository, ARN, upload.id).size == 5
        settled(registry)
        registry.uploads.cancel(repository, ARN, upload.id)
        assert registry.objects() == set()


@pytest.mark.parametrize("beside", ["finish", "mount", "put"])
def test_delete_beside_what_needs_the_blob(
    registry: Registry, repository: Repository, beside: str
) -> None:
    other = registry.create("team/other")
    layer = images.Blob(CONTENT, images.OCI_LAYER, "x")
    image = images.oci_image(layer)
    registry.hold_blob(repository, image.blobs[0].content)
    for _ in range(ROUNDS):
        registry.hold_blob(repository, CONTENT)
        upload = begun(registry, other, CONTENT)
        work: dict[str, Callable[[], object]] = {
            "finish": lambda upload=upload: registry.uploads.finish(other, ARN, upload.id, DIGEST),  # type: ignore[misc]  # bound now
            "mount": lambda: registry.blobs.mount(other, DIGEST, "team/app", lambda _: True),
            "put": lambda: registry.images.put(repository, image.manifest, tag_names=["v1"]),
        }
        deleted, done = at_once(lambda: registry.blobs.unlink(repository, DIGEST), work[beside])
        settled(registry)
        if beside == "put":
            put = not isinstance(done, MoorageError)
            assert put or isinstance(done, ManifestReferenceUnknown)
            assert put == isinstance(deleted, BlobReferenced)
            assert readable(registry, repository) == put
            if put:
                registry.images.delete(repository, Digest.parse(image.digest))
                registry.blobs.unlink(repository, DIGEST)
        else:
            assert deleted is None
            assert not readable(registry, repository)
            held = done is not None
            assert held or beside == "mount"
            assert readable(registry, other) == held
            if held:
                registry.blobs.unlink(other, DIGEST)
        if beside != "finish":
            registry.uploads.cancel(other, ARN, upload.id)
    assert all(DIGEST.hex not in path for path in registry.objects())


def test_a_repository_deleted_beside_pushes(registry: Registry) -> None:
    before = registry.rows()
    for _ in range(ROUNDS):
        repository = registry.create("team/gone")
        image = images.oci_image(images.Blob(b"x", images.OCI_LAYER, "x"))
        for blob in image.blobs:
            registry.hold_blob(repository, blob.content)
        upload = begun(registry, repository, CONTENT)

        def put(repository: Repository = repository) -> object:
            return registry.images.put(repository, image.manifest, tag_names=["v1"])  # noqa: B023 - run in this round

        def finish(repository: Repository = repository, upload: Upload = upload) -> object:
            return registry.uploads.finish(repository, ARN, upload.id, DIGEST)

        def append(repository: Repository = repository, upload: Upload = upload) -> object:
            return registry.uploads.append(repository, ARN, upload.id, [b"more"])

        def start(repository: Repository = repository) -> object:
            return registry.uploads.start(repository, ARN)

        outcomes = at_once(
            lambda: registry.repositories.delete(SCOPE, "team/gone", force=True),
            put, finish, append, start,
        )  # fmt: skip
        expected = (Vanished, RepositoryNotFound, UploadNotFound, UploadConflict,
                    ManifestReferenceUnknown)  # fmt: skip
        assert not isinstance(outcomes[0], MoorageError)
        unexpected = [e for e in failed(outcomes[1:]) if not isinstance(e, expected)]
        assert not [e for e in unexpected if "digest" not in str(e)]
        assert registry.objects() == set()
        assert registry.rows() == before


def test_a_request_never_ends_in_a_repository_that_came_later(registry: Registry) -> None:
    old = registry.create("team/old")
    image = images.oci_image(images.Blob(b"x", images.OCI_LAYER, "x"))
    registry.repositories.delete(SCOPE, "team/old")
    new = registry.create("team/new")
    assert new.id != old.id
    for blob in image.blobs:
        registry.hold_blob(new, blob.content)
    with pytest.raises((Vanished, ManifestReferenceUnknown)):
        registry.images.put(old, image.manifest, tag_names=["v1"])
    with pytest.raises(Vanished):
        registry.uploads.start(old, ARN)
    assert registry.images.tag_page(new, "", 10) == []
