"""Into the archive and back, as it is told."""

from __future__ import annotations

from registry.domain.storage_class import ACTIVE, ARCHIVED, Status, StorageClasses
from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, Registry
from tests.domain.events.conftest import Ear

TREE = images.multi_arch()
NAME = "team/app"


def move(registry: Registry, status: Status) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    image = registry.images.get(repository, Digest.parse(TREE.digest)).image
    StorageClasses(registry.ground.database).move(repository, image, status)


def classes(ear: Ear) -> list[tuple[str, str, str, bool]]:
    return [
        (
            detail["action-type"],
            detail["image-digest"],
            detail["target-storage-class"],
            "last-activated-at" in detail,
        )
        for _, detail in ear.told()
    ]


def test_each_image_that_changes_is_told_of_once(registry: Registry, ear: Ear) -> None:
    registry.create(NAME)
    registry.hold(NAME, TREE, "v1")
    ear.heard()
    digests = [child.digest for child in TREE.children] + [TREE.digest]
    for _ in range(2):
        move(registry, ARCHIVED)
    assert classes(ear) == [("UPDATE_STORAGE_CLASS", each, "ARCHIVE", False) for each in digests]
    for _ in range(2):
        move(registry, ACTIVE)
    back = [("UPDATE_STORAGE_CLASS", each, "STANDARD", True) for each in digests]
    assert classes(ear) == back
    move(registry, ARCHIVED)
    ear.heard()
    registry.hold(NAME, TREE, "v1")  # pushed again
    assert sorted(classes(ear)) == sorted(back)
