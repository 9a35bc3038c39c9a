"""The archive's one invariant, whatever is pushed, archived and restored in whatever order."""

from __future__ import annotations

import itertools
from contextlib import suppress

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import image_children, images
from registry.domain.repositories import Repository
from registry.domain.storage_class import ACTIVE, ARCHIVED, StorageClasses
from registry.values.digest import Digest
from registry.values.errors import StorageClassFixed
from tests.application import SCOPE, Registry
from tests.images import OCI_LAYER, Blob, Image, artifact, index, oci_image

LEAVES = [oci_image(Blob(text, OCI_LAYER, "x")) for text in (b"a", b"b", b"c")]
PAIRS = [index({"amd64": one, "arm64": two}) for one, two in itertools.combinations(LEAVES, 2)]
NESTED = index({"amd64": PAIRS[0], "arm64": LEAVES[2]})
SIGNED = artifact("application/sig", b"signed", PAIRS[0])
ALL = [*LEAVES, *PAIRS, NESTED, SIGNED]
_names = itertools.count()

ACTIONS = st.lists(
    st.tuples(st.sampled_from(["archive", "restore", "push", "tag"]), st.sampled_from(ALL)),
    max_size=8,
)


def pulled_apart(registry: Registry, repository: Repository) -> list[tuple[str, str]]:
    """Each active index and an archived image that it lists."""
    holder, listed = images.alias(), images.alias()
    query = (
        sa.select(holder.c.digest, listed.c.digest)
        .join(image_children, image_children.c.image_id == holder.c.id)
        .join(listed, listed.c.digest == image_children.c.digest)
        .where(holder.c.repository_id == repository.id, listed.c.repository_id == repository.id)
        .where(holder.c.status == ACTIVE, listed.c.status == ARCHIVED)
    )
    with registry.ground.database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def act(registry: Registry, repository: Repository, what: str, image: Image) -> None:
    if what in ("push", "tag"):
        registry.hold(repository.name, image, "t" + image.digest[7:20] if what == "tag" else None)
        return
    found = registry.images.get(repository, Digest.parse(image.digest)).image
    status = ARCHIVED if what == "archive" else ACTIVE
    with suppress(StorageClassFixed):
        StorageClasses(registry.ground.database).move(repository, found, status)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=ACTIONS)
def test_an_active_index_never_lists_an_archived_image(
    registry: Registry, actions: list[tuple[str, Image]]
) -> None:
    repository = registry.create(f"team/app-{next(_names)}")
    for image in ALL:
        registry.hold(repository.name, image)
    for what, image in actions:
        act(registry, repository, what, image)
        assert pulled_apart(registry, repository) == []
        if what in ("push", "tag", "restore"):
            found = registry.images.get(repository, Digest.parse(image.digest))
            assert found.image.status == ACTIVE
    assert registry.repositories.get(SCOPE, repository.name) == repository
