"""One image into another repository: linked or sealed anew, whole or not at all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import links
from registry.domain import images as image_module
from registry.domain.blobs import Blob, Blobs
from registry.domain.repositories import Repository
from registry.stores import garbage_of
from registry.values.errors import (
    ImageNotFound,
    KeyUnavailable,
    ManifestReferenceUnknown,
    MoorageError,
    TagImmutable,
    Vanished,
)
from tests import images
from tests.application import OpenRegistry, Registry
from tests.domain.copying.places import check_pullable, content, copier, digest, other_key

INDEX = images.multi_arch()
CHILD = INDEX.children[0]
SIGNATURE = images.artifact("application/x-signature", b"signed", INDEX)
SBOM = images.artifact("application/x-sbom", b"bill", CHILD)
ATTESTED = images.artifact("application/x-attestation", b"of the SBOM", SBOM)
REFERRERS = (SIGNATURE, SBOM, ATTESTED)
ALL = {each.digest for each in (INDEX, *INDEX.children, *REFERRERS)}


@pytest.fixture
def source(registry: Registry) -> Repository:
    """A signed index under the tag v1, whose child has an SBOM that is attested."""
    repository = registry.create("team/app")
    registry.hold("team/app", INDEX, "v1")
    for each in REFERRERS:
        registry.hold("team/app", each)
    registry.hold("team/app", images.oci_image(images.layer({"b": b"other"})), "other")
    return repository


class TestUnderTheSameKey:
    def test_everything_is_linked_and_nothing_stored(
        self, registry: Registry, source: Repository
    ) -> None:
        target, before = registry.create("team/copy"), registry.objects()
        copied = copier(registry).copy(source, target, digest(INDEX), ["v1", "latest"])
        assert registry.objects() == before
        assert content(registry, target) == {each: set() for each in ALL} | {
            INDEX.digest: {"v1", "latest"}
        }
        assert (copied.images, copied.sealed) == (len(ALL), 0)
        assert copied.linked == sum(
            len(blob.content)
            for blob in {b for each in (*INDEX.children, *REFERRERS) for b in each.blobs}
        )
        assert copied.tags == ("v1", "latest")
        for each in (INDEX, *REFERRERS):
            check_pullable(registry, target, each)

    def test_the_image_itself_comes_last(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy")
        copied = copier(registry).copy(source, target, digest(INDEX), ["v1"])
        order = [str(each) for each in copied.below]
        assert set(order) == ALL - {INDEX.digest}
        assert order.index(ATTESTED.digest) < order.index(SBOM.digest) < order.index(CHILD.digest)
        assert [str(each[1]) for each in _pushed(registry, target)] == [*order, INDEX.digest]

    def test_without_referrers(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy")
        copier(registry).copy(source, target, digest(INDEX), ["v1"], referrers=False)
        assert set(content(registry, target)) == {each.digest for each in (INDEX, *INDEX.children)}

    def test_again_it_does_nothing(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy")
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        before = registry.stored()
        again = copier(registry).copy(source, target, digest(INDEX), ["v1"])
        assert (again.images, again.linked, again.sealed) == (0, 0, 0)
        assert registry.stored() == before

    def test_what_was_signed_since_comes_along_the_next_time(
        self, registry: Registry, source: Repository
    ) -> None:
        target = registry.create("team/copy")
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        late = images.artifact("application/x-signature", b"signed later", INDEX)
        registry.hold("team/app", late)
        assert copier(registry).copy(source, target, digest(INDEX), ["v1"]).images == 1
        check_pullable(registry, target, late)

    def test_the_copy_outlives_the_source(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy")
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        registry.repositories.delete(source.scope, source.name, force=True)
        check_pullable(registry, target, INDEX)
        registry.check_whole()


class TestUnderAnotherKey:
    def test_everything_is_sealed_anew(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy", encryption=other_key(registry))
        copied = copier(registry).copy(source, target, digest(INDEX), ["v1"])
        assert copied.linked == 0
        assert copied.sealed > 0
        check_pullable(registry, target, INDEX)
        registry.check_whole()
        with registry.ground.database.read() as connection:
            query = sa.select(links.c.blob_id).where(links.c.idle_since.isnot(None))
            assert connection.execute(query).first() is None

    def test_it_is_readable_without_the_first_key(
        self, registry: Registry, source: Repository
    ) -> None:
        target = registry.create("team/copy", encryption=other_key(registry))
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        moved = registry.create("team/third", encryption=other_key(registry))
        copier(registry).copy(target, moved, digest(INDEX), ["v1"])
        registry.ground.keys.disable(target.key_id)
        check_pullable(registry, moved, INDEX)
        with pytest.raises(KeyUnavailable):
            check_pullable(registry, target, INDEX)

    def test_what_the_key_has_already_is_linked(
        self, registry: Registry, source: Repository
    ) -> None:
        encryption = other_key(registry)
        first = registry.create("team/one", encryption=encryption)
        second = registry.create("team/two", encryption=encryption)
        copier(registry).copy(source, first, digest(INDEX), ["v1"])
        before = registry.objects()
        copied = copier(registry).copy(source, second, digest(INDEX), ["v1"])
        assert registry.objects() == before
        assert copied.sealed == 0
        check_pullable(registry, second, INDEX)

    def test_a_disabled_key_on_either_side(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy", encryption=other_key(registry))
        copier(registry).copy(source, target, digest(CHILD), referrers=False)
        registry.ground.keys.disable(target.key_id)
        before = registry.stored()
        for first, second in ((source, target), (target, source)):
            with pytest.raises(KeyUnavailable):
                copier(registry).copy(first, second, digest(CHILD), ["v9"])
        assert registry.stored() == before


class TestRefusals:
    def test_no_such_image(self, registry: Registry, source: Repository) -> None:
        target, before = registry.create("team/copy"), None
        before = registry.stored()
        with pytest.raises(ImageNotFound, match="'team/app'"):
            copier(registry).copy(source, target, digest(images.multi_arch("none")), ["v1"])
        assert registry.stored() == before

    def test_an_immutable_tag_stays_and_nothing_is_copied(
        self, registry: Registry, source: Repository
    ) -> None:
        target = registry.create("team/copy", mutability="IMMUTABLE")
        other = images.oci_image(images.layer({"c": b"first"}))
        registry.hold("team/copy", other, "v1")
        before = registry.stored()
        with pytest.raises(TagImmutable):
            copier(registry).copy(source, target, digest(INDEX), ["v1"])
        assert registry.stored() == before
        copier(registry).copy(source, target, digest(INDEX), ["v2"])
        assert content(registry, target)[INDEX.digest] == {"v2"}

    def test_a_target_that_vanishes(self, registry: Registry, source: Repository) -> None:
        target = registry.create("team/copy")
        registry.repositories.delete(target.scope, target.name)
        with pytest.raises(Vanished):
            copier(registry).copy(source, target, digest(INDEX), ["v1"])

    def test_what_the_beat_raises_ends_it_and_leaves_no_upload(
        self, registry: Registry, source: Repository
    ) -> None:
        target = registry.create("team/copy", encryption=other_key(registry))
        beats = 0

        def beat() -> None:
            nonlocal beats
            beats += 1
            if beats == 6:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            copier(registry).copy(source, target, digest(INDEX), ["v1"], beat=beat)
        assert "v1" not in set().union(*content(registry, target).values(), set())
        assert registry.rows()["uploads"] == []
        assert copier(registry).copy(source, target, digest(INDEX), ["v1"]).images > 0
        check_pullable(registry, target, INDEX)
        registry.check_whole()


class Meanwhile(Blobs):
    """Lets something else happen when a blob of the source is opened for the first time."""

    happening: Any = None

    def open(self, repository: Repository, blob: Blob, *more: Any) -> Any:
        happening, self.happening = self.happening, None
        if happening is not None:
            happening()
        return super().open(repository, blob, *more)


class TestMeanwhile:
    """Somebody deletes, or garbage is collected, while a copy is under way."""

    @pytest.fixture
    def registry(self, open_one: OpenRegistry) -> Registry:
        """Keeps what no image needs for no time at all."""
        return open_one(gc_grace_hours=0.0000001)

    def copy(self, registry: Registry, source: Repository, happening: Any) -> Repository:
        target = registry.create("team/copy", encryption=other_key(registry))
        ground = registry.ground
        blobs = Meanwhile(ground.database, ground.cache, registry.vault)
        blobs.happening = happening
        copier(registry, blobs=blobs).copy(source, target, digest(INDEX), ["v1"])
        return target

    def collect(self, registry: Registry) -> None:
        garbage_of(registry.settings, registry.ground).run(threading.Event())

    def test_garbage_is_collected(self, registry: Registry, source: Repository) -> None:
        target = self.copy(registry, source, lambda: self.collect(registry))
        check_pullable(registry, target, INDEX)
        self.collect(registry)
        check_pullable(registry, target, INDEX)

    @pytest.mark.parametrize("at", [1, 4, 6])
    def test_garbage_is_collected_at_any_moment(
        self, registry: Registry, source: Repository, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        """Even between the last link and the manifest: then what is missing is brought again."""
        calls = 0
        put = image_module.Images.put

        def late(*given: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                self.collect(registry)
            return put(*given, **named)

        monkeypatch.setattr(image_module.Images, "put", late)
        target = registry.create("team/copy")
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        assert calls >= len(ALL)
        for each in (INDEX, *REFERRERS):
            check_pullable(registry, target, each)

    def test_the_source_goes(self, registry: Registry, source: Repository) -> None:
        def delete() -> None:
            registry.repositories.delete(source.scope, source.name, force=True)

        with pytest.raises(MoorageError) as caught:
            self.copy(registry, source, delete)
        assert not isinstance(caught.value, ManifestReferenceUnknown)
        target = registry.repositories.get(source.scope, "team/copy")
        assert INDEX.digest not in content(registry, target)
        self.collect(registry)
        registry.check_whole()

    def test_the_image_goes(self, registry: Registry, source: Repository) -> None:
        def delete() -> None:
            registry.stores.images.delete(source, digest(INDEX))
            for each in INDEX.children:
                registry.stores.images.delete(source, digest(each))
            self.collect(registry)

        with pytest.raises(MoorageError):
            self.copy(registry, source, delete)
        target = registry.repositories.get(source.scope, "team/copy")
        assert INDEX.digest not in content(registry, target)

    def test_the_target_loses_a_child(
        self, registry: Registry, source: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = registry.create("team/copy")
        put, done = image_module.Images.put, False

        def late(self: Any, repository: Any, content: bytes, *given: Any, **named: Any) -> Any:
            nonlocal done
            if content == INDEX.manifest and not done:
                registry.stores.images.delete(target, digest(CHILD))
                done = True
            return put(self, repository, content, *given, **named)

        monkeypatch.setattr(image_module.Images, "put", late)
        copier(registry).copy(source, target, digest(INDEX), ["v1"])
        assert done
        check_pullable(registry, target, INDEX)


def test_of_many_copies_to_one_immutable_tag_one_wins(registry: Registry) -> None:
    source, target = (
        registry.create("team/app"),
        registry.create("team/one", mutability="IMMUTABLE"),
    )
    made = [images.oci_image(images.layer({"n": b"%d" % number})) for number in range(16)]
    for number, each in enumerate(made):
        registry.hold("team/app", each, f"v{number}")

    def attempt(image: images.Image) -> str | None:
        try:
            return str(copier(registry).copy(source, target, digest(image), ["one"]).digest)
        except TagImmutable:
            return None

    with ThreadPoolExecutor(len(made)) as threads:
        won = [each for each in threads.map(attempt, made) if each is not None]
    assert len(won) == 1
    tagged = {name for name, tags in content(registry, target).items() if tags}
    assert tagged == set(won)


def test_an_index_that_is_sparse_here_is_sparse_there(registry: Registry) -> None:
    source, target = registry.create("team/app"), registry.create("team/copy")
    registry.hold("team/app", CHILD)
    registry.images.put(source, INDEX.manifest, INDEX.media_type, tag_names=["v1"])
    copier(registry).copy(source, target, digest(INDEX), ["v1"])
    assert set(content(registry, target)) == {INDEX.digest, CHILD.digest}


def test_a_chain_of_referrers_as_long_as_you_like(registry: Registry) -> None:
    source, target = registry.create("team/app"), registry.create("team/copy")
    last = images.oci_image(images.layer({"a": b"a"}))
    registry.hold("team/app", last, "v1")
    first = last
    for number in range(20):
        last = images.artifact("application/x-on", b"%d" % number, last)
        registry.hold("team/app", last)
    copied = copier(registry).copy(source, target, digest(first), ["v1"])
    assert copied.images == 21
    assert copied.below[0] == digest(last)


def test_all_that_is_held_is_kept(registry: Registry, source: Repository) -> None:
    """After a copy no link of the target is idle, however short the grace period."""
    target = registry.create("team/copy")
    copier(registry).copy(source, target, digest(INDEX), ["v1"])
    with registry.ground.database.read() as connection:
        mine = sa.select(links.c.idle_since).where(links.c.repository_id == target.id)
        assert set(connection.execute(mine).scalars()) == {None}
    assert timedelta(0) < registry.settings.gc_grace


def _pushed(registry: Registry, repository: Repository) -> list[tuple[int, Any]]:
    return [(each.id, each.digest) for each in registry.images.page(repository, 0, 100)]
