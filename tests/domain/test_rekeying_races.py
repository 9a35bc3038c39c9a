"""A repository moves to another key while others push, mount, delete and move it, too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import links
from registry.domain.repositories import Encryption, Repository
from registry.storage.filesystem import FilesystemDriver
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound
from tests import images as made
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.moved import (
    NAME,
    WHO,
    check_readable,
    collect,
    keys_of,
    mover,
    rekeying,
    run,
    start,
    the_move,
)


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    """Where what is deleted is gone at once."""
    return open_one(undelete_days=0)


@pytest.fixture
def key(registry: Registry) -> str:
    """A key that a repository can move to."""
    return registry.ground.keys.create("another", "alias/another").key_id


@pytest.fixture
def image(registry: Registry) -> made.Image:
    """In the repository, as `v1`; two images in an index."""
    registry.create(NAME)
    tree = made.multi_arch()
    registry.hold(NAME, tree, "v1")
    return tree


def test_an_upload_that_began_before_ends_well(
    registry: Registry, image: made.Image, key: str
) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    content = b"begun before, " * 1000
    upload = registry.uploads.start(repository, WHO)
    registry.uploads.append(repository, WHO, upload.id, [content[:5000]])
    moved = start(registry, key)
    assert run(registry) == []
    assert the_move(registry).left.uploads == 1
    assert the_move(registry).problem is None
    registry.uploads.append(moved, WHO, upload.id, [content[5000:]])
    digest = Digest.of(content)
    registry.uploads.finish(moved, WHO, upload.id, digest)
    late = made.oci_image(made.Blob(content, made.OCI_LAYER, "x"))
    registry.hold_blob(moved, late.blobs[0].content)
    registry.images.put(moved, late.manifest, late.media_type, tag_names=["late"])
    check_readable(registry, NAME, late, "late")
    assert run(registry) == [NAME]
    assert keys_of(registry) == {key}
    check_readable(registry, NAME, late, "late")
    check_readable(registry, NAME, image, "v1")


def test_an_upload_that_ends_with_what_was_pushed_anew(
    registry: Registry, image: made.Image, key: str
) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    content = b"the same twice"
    upload = registry.uploads.start(repository, WHO)
    registry.uploads.append(repository, WHO, upload.id, [content])
    moved = start(registry, key)
    registry.hold_blob(moved, content)
    registry.uploads.finish(moved, WHO, upload.id, Digest.of(content))
    assert registry.blobs.get(moved, Digest.of(content)).key_id == key
    assert run(registry) == [NAME]
    collect(registry)
    registry.check_whole()


def test_an_abandoned_or_cancelled_upload_keeps_nobody(
    registry: Registry, image: made.Image, key: str
) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    upload = registry.uploads.start(repository, WHO)
    registry.uploads.append(repository, WHO, upload.id, [b"abandoned"])
    moved = start(registry, key)
    registry.uploads.cancel(moved, WHO, upload.id)
    assert not any(path.startswith("uploads/") for path in registry.objects())
    assert run(registry) == [NAME]


def test_whoever_looked_the_repository_up_before_writes_nothing_that_stays_behind(
    registry: Registry, image: made.Image, key: str
) -> None:
    stale = registry.repositories.get(SCOPE, NAME)
    start(registry, key)
    assert run(registry) == [NAME]
    late = made.oci_image(*image.children[0].blobs[1:], annotations={"late": "yes"})
    registry.hold_blob(stale, late.blobs[0].content)
    assert registry.blobs.get(stale, Digest.parse(late.blobs[0].digest)).key_id == key
    registry.images.put(stale, late.manifest, late.media_type, tag_names=["late"])
    check_readable(registry, NAME, late, "late")
    assert keys_of(registry) == {key, stale.key_id}
    assert the_move(registry).finished_at is None
    assert run(registry) == [NAME]
    assert keys_of(registry) == {key}
    check_readable(registry, NAME, late, "late")


def test_a_mount_follows_the_key(registry: Registry, image: made.Image, key: str) -> None:
    blob = image.children[0].blobs[0]
    digest = Digest.parse(blob.digest)
    registry.create("team/old")
    registry.create("team/new", encryption=Encryption("KMS", key))
    start(registry, key)
    old, new = (registry.repositories.get(SCOPE, name) for name in ("team/old", "team/new"))
    assert registry.blobs.mount(old, digest, NAME, lambda _name: True) is not None
    assert registry.blobs.mount(new, digest, NAME, lambda _name: True) is None
    run(registry)
    assert registry.blobs.mount(new, digest, NAME, lambda _name: True) is not None
    stale = replace(new, key_id=old.key_id)  # looked up before a move of its own
    registry.blobs.unlink(new, digest)
    assert registry.blobs.mount(stale, digest, "team/old", lambda _name: True) is None


class MeddledDriver(FilesystemDriver):
    """Does something while an object is written."""

    meddle: Callable[[], object] = staticmethod(lambda: None)

    def put(self, path: str, chunks: Any) -> int:
        self.meddle()
        return super().put(path, chunks)


def meddled(registry: Registry, meddle: Callable[[], object]) -> Registry:
    driver = MeddledDriver(registry.settings.data / "storage")
    driver.meddle = meddle
    return registry.over(driver)


def test_what_is_deleted_while_it_is_moved_does_not_come_back(registry: Registry, key: str) -> None:
    repository = registry.create(NAME)
    registry.hold_blob(repository, b"to be deleted")
    digest = Digest.of(b"to be deleted")
    start(registry, key)
    moving = meddled(registry, lambda: registry.blobs.unlink(repository, digest))
    assert run(moving) == [NAME]
    with pytest.raises(BlobNotFound):
        registry.blobs.get(repository, digest)
    collect(registry)
    assert registry.objects() == set()


def test_a_repository_that_is_deleted_while_it_is_moved_is_gone(
    registry: Registry, image: made.Image, key: str
) -> None:
    start(registry, key)
    moving = meddled(registry, lambda: registry.repositories.delete(SCOPE, NAME, force=True))
    assert run(moving) == []
    collect(registry)
    assert registry.objects() == set()
    assert rekeying(registry).moves() == []


def test_what_a_killed_mover_was_at_is_dropped(
    registry: Registry, image: made.Image, key: str
) -> None:
    start(registry, key)
    repository = registry.repositories.get(SCOPE, NAME)
    upload = registry.uploads.start(repository, "moorage:rekeyer", replaces=1)
    registry.uploads.append(repository, "moorage:rekeyer", upload.id, [b"half of it"])
    assert run(registry) == [NAME]
    assert not any(path.startswith("uploads/") for path in registry.objects())
    collect(registry)
    registry.check_whole()


def test_two_movers_take_turns(registry: Registry, image: made.Image, key: str) -> None:
    start(registry, key)
    other = mover(registry)
    seen: list[list[Repository]] = []

    def meddle() -> None:
        seen.append(other.run(threading.Event()))

    assert run(meddled(registry, meddle)) == [NAME]
    assert seen
    assert not any(seen)


def test_idle_blobs_stay_idle_and_gaps_are_filled(registry: Registry, key: str) -> None:
    repository = registry.create(NAME)
    registry.hold_blob(repository, b"nobody needs it")
    with registry.ground.database.write() as connection:
        since = datetime(2026, 1, 2, tzinfo=UTC)
        connection.execute(sa.update(links).values(idle_since=since))
    start(registry, key)
    assert run(registry) == [NAME]
    # A promise of another day at most: it had none when it was moved.
    with registry.ground.database.read() as connection:
        moved = connection.execute(sa.select(links.c.idle_since)).scalar_one()
    assert moved is not None
