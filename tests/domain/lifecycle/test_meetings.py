"""Where lifecycle policies, rest, the archive, protection and moves between keys meet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import images as image_rows
from registry.domain.deletions import Gone, Named
from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.runs import Runs
from registry.domain.rekeying import Rekeying
from registry.domain.repositories import Encryption
from registry.domain.rest_rows import Resting
from registry.domain.storage_class import ARCHIVED
from registry.domain.undelete import Undelete
from registry.stores import rekeyer_of
from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, Registry
from tests.domain.lifecycle.holding import (
    NAME,
    done,
    follow,
    hold,
    image,
    left,
    put,
    repository,
    runs,
)
from tests.domain.lifecycle.world import ARCHIVE, aged, policy, rule

BY_AGE = policy(rule(**aged(30)))
TO_ARCHIVE = policy(rule(1, ARCHIVE, **aged(30)))


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def meanwhile(registry: Registry, action: Callable[[], object]) -> Runs:
    """Runs that let something happen, once, between the first look and what follows."""
    running = runs(registry)
    select = running.select

    def selecting(*arguments: Any) -> Any:
        found = select(*arguments)
        vars(running).pop("select")
        action()
        return found

    vars(running)["select"] = selecting
    return running


def finish(running: Runs) -> list[Done]:
    return [ran.done for ran in running.run(threading.Event())]


def delete(registry: Registry, *made: images.Image) -> None:
    named = [Named(Digest.parse(each.digest), None) for each in made]
    outcomes = registry.stores.deletions.delete(repository(registry), named)
    assert all(isinstance(each, Gone) for each in outcomes), outcomes


def archive(registry: Registry, made: images.Image) -> None:
    there = repository(registry)
    found = registry.images.get(there, Digest.parse(made.digest)).image
    registry.stores.storage_classes.move(there, found, ARCHIVED)


def resting(registry: Registry, made: images.Image | None = None) -> Resting:
    found = Undelete(registry.ground.database).page(SCOPE, None, None, 100)
    return next(each for each in found if made is None or each.digest == made.digest)


def restore(registry: Registry, made: images.Image | None = None) -> set[str]:
    item = resting(registry, made)
    return set(Undelete(registry.ground.database).restore(SCOPE, item.id).images)


def statuses(registry: Registry) -> dict[str, str]:
    query = sa.select(image_rows.c.digest, image_rows.c.status)
    with registry.ground.database.read() as connection:
        return {row.digest: row.status for row in connection.execute(query)}


def cosign(made: images.Image) -> str:
    return made.digest.replace(":", "-") + ".sig"


class TestMeanwhile:
    """What somebody does between a policy's look and its act."""

    def test_a_new_index_keeps_its_image_active(self, registry: Registry) -> None:
        digest = hold(registry, image("a"), age=90)
        put(registry, TO_ARCHIVE)
        index = images.index({"amd64": image("a")})
        running = meanwhile(registry, lambda: registry.hold(NAME, index, "new"))
        assert finish(running) == [Done(kept=1)]
        assert statuses(registry) == {digest: "ACTIVE", index.digest: "ACTIVE"}

    def test_a_new_index_keeps_the_family_whole(self, registry: Registry) -> None:
        old = images.multi_arch()
        child = old.children[0]
        hold(registry, old, "old", age=90)
        signature = image("s", subject=child.descriptor())
        hold(registry, signature, age=90)
        put(registry, BY_AGE)
        new = images.index({"amd64": child})
        running = meanwhile(registry, lambda: registry.hold(NAME, new, "new"))
        assert finish(running) == [Done(kept=4)]
        assert len(left(registry)) == 5

    def test_a_signature_by_tag_keeps_its_image(self, registry: Registry) -> None:
        made = image("a")
        hold(registry, made, "v1", age=90)
        put(registry, BY_AGE)
        signature = image("s")
        running = meanwhile(registry, lambda: registry.hold(NAME, signature, cosign(made)))
        assert finish(running) == [Done(kept=1)]
        assert left(registry) == {made.digest, signature.digest}

    @pytest.mark.parametrize("text", [BY_AGE, TO_ARCHIVE])
    def test_a_repository_laid_to_rest_comes_back_as_it_was(
        self, registry: Registry, text: str
    ) -> None:
        digest = hold(registry, image("a"), "v1", age=90)
        put(registry, text)

        def rest() -> None:
            registry.repositories.delete(SCOPE, NAME, force=True)

        assert finish(meanwhile(registry, rest)) == [Done(kept=1)]
        restore(registry)
        assert statuses(registry) == {digest: "ACTIVE"}
        assert left(registry) == {digest}


class TestBack:
    @pytest.mark.parametrize("by", ["together", "later", "policy"])
    def test_signatures_by_tag_come_back_with_their_image(
        self, registry: Registry, by: str
    ) -> None:
        made, signature, of_signature = image("a"), image("s"), image("t")
        hold(registry, made, "v1", age=90)
        hold(registry, signature, cosign(made), age=90)
        hold(registry, of_signature, cosign(signature), age=90)
        if by == "policy":
            put(registry, BY_AGE)
            assert done(registry).expired == 3
        else:
            delete(registry, *[made, signature, of_signature][: 1 if by == "later" else 3])
            follow(registry)
        assert left(registry) == set()
        expected = {made.digest, signature.digest, of_signature.digest}
        assert restore(registry, made) == expected
        assert left(registry) == expected
        with registry.http() as client:
            answer = client.get(f"/v2/{NAME}/manifests/{cosign(made)}")
            assert answer.content == signature.manifest

    def test_one_deleted_before_its_image_stays_where_it_is(self, registry: Registry) -> None:
        made, signature = image("a"), image("s")
        hold(registry, made, "v1")
        hold(registry, signature, cosign(made))
        delete(registry, signature)
        delete(registry, made)
        assert restore(registry, made) == {made.digest}

    @pytest.mark.parametrize("rests", [False, True])
    def test_an_active_index_finds_its_images_active(self, registry: Registry, rests: bool) -> None:
        index = images.multi_arch()
        hold(registry, index, "v1")
        delete(registry, index)
        archive(registry, index.children[0])
        if rests:
            assert follow(registry) == 2
        restore(registry, index)
        assert set(statuses(registry).values()) == {"ACTIVE"}

    def test_an_archived_index_stays_archived(self, registry: Registry) -> None:
        index = images.multi_arch()
        hold(registry, index, "v1")
        archive(registry, index)
        delete(registry, index)
        restore(registry, index)
        assert set(statuses(registry).values()) == {ARCHIVED}

    def test_what_followed_under_another_key_is_pulled_whole(self, registry: Registry) -> None:
        index = images.multi_arch()
        hold(registry, index, "v1")
        delete(registry, index)
        key = registry.ground.keys.create("other", "alias/other")
        moving = Rekeying(registry.ground.database, registry.vault, registry.repositories)
        moving.start(repository(registry), Encryption("KMS", key.key_id))
        rekeyer = rekeyer_of(registry.settings, registry.ground)
        rekeyer.run(threading.Event())
        follow(registry)
        assert restore(registry, index) == {index.digest, *(c.digest for c in index.children)}
        rekeyer.run(threading.Event())
        with registry.http() as client:
            for child in index.children:
                for blob in child.blobs:
                    found = client.get(f"/v2/{NAME}/blobs/{blob.digest}")
                    assert found.content == blob.content
