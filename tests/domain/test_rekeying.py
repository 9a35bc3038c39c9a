"""A repository moves to another key: what lies where, in the middle of it and after it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import blobs, images, links, rekeys
from registry.domain import rekeyer as rekeyer_module
from registry.domain.key_choice import DEFAULT_KEY
from registry.domain.rekeying import Rekeying
from registry.domain.repositories import Encryption
from registry.values.digest import Digest
from registry.values.errors import KeyNotFound, KeyUnavailable, ParameterInvalid
from tests import images as made
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.moved import (
    NAME,
    check_readable,
    collect,
    keys_of,
    mover,
    rekeying,
    run,
    start,
    stop_after,
    the_move,
    verified,
)


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


def test_everything_moves_and_the_old_key_is_needed_no_more(
    registry: Registry, image: made.Image
) -> None:
    keys = registry.ground.keys
    one, two = keys.create("one").key_id, keys.create("two").key_id
    start(registry, one)
    assert run(registry) == [NAME]
    before = registry.objects()
    start(registry, two)
    assert keys_of(registry) == {one}
    check_readable(registry, NAME, image, "v1")
    assert run(registry) == [NAME]
    assert keys_of(registry) == {two}
    check_readable(registry, NAME, image, "v1")
    collect(registry)
    registry.check_whole()
    assert not registry.objects() & before
    keys.disable(one)
    check_readable(registry, NAME, image, "v1")
    assert verified(registry).problems == []
    keys.disable(two)
    with registry.http() as client:
        assert client.get(f"/v2/{NAME}/manifests/v1").status_code == 403
        assert client.get(f"/v2/{NAME}/blobs/{image.children[0].blobs[0].digest}").is_error


def test_the_move_is_told_and_described(registry: Registry, image: made.Image, key: str) -> None:
    held = [blob for child in image.children for blob in child.blobs]
    start(registry, "alias/another")
    move = the_move(registry)
    assert (move.left.blobs, move.left.manifests) == (len({b.digest for b in held}), 3)
    assert move.left.blob_bytes == sum(len(blob.content) for blob in held)
    assert move.finished_at is None
    run(registry)
    after = the_move(registry)
    assert after.finished_at is not None
    assert after.left.nothing
    assert (after.blobs, after.blob_bytes) == (move.left.blobs, move.left.blob_bytes)
    assert (after.manifests, after.problem) == (3, None)
    (shown,) = registry.ecr().describe_repositories(repositoryNames=[NAME])["repositories"]
    arn = registry.ground.keys.describe(key).arn
    assert shown["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": arn}


def test_from_kms_to_the_servers_own_key(registry: Registry, key: str) -> None:
    registry.create(NAME, encryption=Encryption("KMS", key))
    image = made.multi_arch()
    registry.hold(NAME, image, "v1")
    start(registry, None, kind="AES256")
    assert run(registry) == [NAME]
    assert keys_of(registry) == {registry.ground.keys.resolve(DEFAULT_KEY)}
    registry.ground.keys.disable(key)
    check_readable(registry, NAME, image, "v1")
    (shown,) = registry.ecr().describe_repositories(repositoryNames=[NAME])["repositories"]
    assert shown["encryptionConfiguration"] == {"encryptionType": "AES256"}


def test_from_no_encryption_to_a_key(open_one: OpenRegistry) -> None:
    plain = open_one(encryption=False)
    bare = plain.stores.repositories.create(SCOPE, NAME)
    image = made.oci_image(made.Blob(b"a secret that lies open", made.OCI_LAYER, "x"))
    with plain.http() as client:
        made.push(client, NAME, image, "v1")
    assert bare.key_id == "plain"
    registry = plain.beside(encryption=True)
    with pytest.raises(ParameterInvalid, match="encryption turned off"):
        Rekeying(plain.ground.database, plain.vault, plain.stores.repositories).start(
            bare, Encryption("AES256")
        )
    start(registry, None)
    check_readable(registry, NAME, image, "v1")
    assert run(registry) == [NAME]
    collect(registry)
    check_readable(registry, NAME, image, "v1")
    registry.check_whole()
    stored = Path(registry.settings.data / "storage")
    assert all(b"lies open" not in (stored / path).read_bytes() for path in registry.objects())
    with registry.ground.database.read() as connection:
        sealed = connection.execute(sa.select(images.c.manifest)).scalar_one()
    assert sealed.startswith(b"MOORAGE\0")
    registry.close()


def test_what_other_repositories_share_stays_theirs(
    registry: Registry, image: made.Image, key: str
) -> None:
    registry.create("team/other")
    registry.hold("team/other", image, "v1")
    start(registry, key)
    run(registry)
    collect(registry)
    check_readable(registry, "team/other", image, "v1")
    check_readable(registry, NAME, image, "v1")
    assert key not in keys_of(registry, "team/other")
    registry.check_whole()


def test_a_copy_that_lies_there_is_taken(registry: Registry, image: made.Image, key: str) -> None:
    registry.create("team/there", encryption=Encryption("KMS", key))
    registry.hold("team/there", image, "v1")
    before = {path for path in registry.objects() if f"/{key}/" in path}
    start(registry, key)
    run(registry)
    assert {path for path in registry.objects() if f"/{key}/" in path} == before
    check_readable(registry, NAME, image, "v1")


def test_a_copy_whose_bytes_are_lost_is_not_taken(
    registry: Registry, image: made.Image, key: str
) -> None:
    registry.create("team/there", encryption=Encryption("KMS", key))
    registry.hold("team/there", image, "v1")
    for path in registry.objects():
        if f"/{key}/" in path:
            registry.ground.storage.delete(path)
    start(registry, key)
    assert run(registry) == [NAME]
    check_readable(registry, NAME, image, "v1")
    check_readable(registry, "team/there", image, "v1")  # repaired by it, as by a push


def test_a_push_in_the_middle_goes_to_the_new_key_at_once(
    registry: Registry, image: made.Image, key: str
) -> None:
    start(registry, key)
    child = image.children[0]
    more = made.oci_image(*child.blobs[1:], made.Blob(b"more", made.OCI_LAYER, "x"))
    with registry.http() as client:
        made.push(client, NAME, more, "v2")
        made.push_blob(client, NAME, child.blobs[0].content)  # held under the old key
    check_readable(registry, NAME, more, "v2")
    check_readable(registry, NAME, image, "v1")
    repository = registry.repositories.get(SCOPE, NAME)
    for blob in (*more.blobs, child.blobs[0]):
        assert registry.blobs.get(repository, Digest.parse(blob.digest)).key_id == key
    with registry.ground.database.read() as connection:
        held = list(connection.execute(sa.select(blobs.c.digest).join(links)).scalars())
    assert len(held) == len(set(held))
    assert run(registry) == [NAME]
    check_readable(registry, NAME, image, "v1")
    collect(registry)
    registry.check_whole()


def test_a_move_can_be_turned_elsewhere_and_back(
    registry: Registry, image: made.Image, key: str
) -> None:
    first = registry.repositories.get(SCOPE, NAME).key_id
    third = registry.ground.keys.create("third").key_id
    start(registry, key)
    stop_after(registry, 2)
    assert keys_of(registry) == {first, key}
    start(registry, third)
    stop_after(registry, 1)
    assert keys_of(registry) == {first, key, third}
    check_readable(registry, NAME, image, "v1")
    start(registry, None, kind="AES256")
    check_readable(registry, NAME, image, "v1")
    assert run(registry) == [NAME, NAME]
    assert keys_of(registry) == {first}
    check_readable(registry, NAME, image, "v1")
    assert {move.key_id for move in rekeying(registry).moves()} == {key, third}


def test_the_same_key_again_changes_nothing(registry: Registry, image: made.Image) -> None:
    before = registry.stored()
    start(registry, None, kind="AES256")
    assert registry.stored() == before
    with pytest.raises(KeyNotFound):
        start(registry, DEFAULT_KEY)  # the same key by name: it is the server's own
    assert rekeying(registry).moves() == []
    assert run(registry) == []
    assert registry.stored() == before


@pytest.mark.parametrize(
    ("encryption", "error"),
    [
        (Encryption("KMS", "alias/none"), KeyNotFound),
        (Encryption("KMS", "alias/another"), KeyUnavailable),
        (Encryption("AES256", "alias/moorage/default"), ParameterInvalid),
    ],
)
def test_a_key_that_cannot_be_is_refused_and_nothing_changes(
    registry: Registry,
    image: made.Image,
    key: str,
    encryption: Encryption,
    error: type[Exception],
) -> None:
    registry.ground.keys.disable(key)
    before = registry.stored()
    with pytest.raises(error):
        rekeying(registry).start(registry.repositories.get(SCOPE, NAME), encryption)
    assert registry.stored() == before


def test_while_the_old_key_is_disabled_the_move_waits_and_says_so(
    registry: Registry, image: made.Image
) -> None:
    keys = registry.ground.keys
    one, two = keys.create("one").key_id, keys.create("two").key_id
    start(registry, one)
    run(registry)
    start(registry, two)
    keys.disable(one)
    assert run(registry) == []
    assert the_move(registry).problem == f"{keys.describe(one).arn} is disabled"
    with registry.http() as client:
        assert client.get(f"/v2/{NAME}/manifests/v1").status_code == 403
        made.push_blob(client, NAME, b"goes to the new key")
    keys.enable(one)
    assert run(registry) == [NAME]
    assert the_move(registry).problem is None
    check_readable(registry, NAME, image, "v1")


def test_a_problem_is_not_tried_again_at_once(
    registry: Registry, image: made.Image, key: str
) -> None:
    start(registry, key)
    registry.ground.keys.disable(key)
    run(registry)
    tried = rows(registry)
    assert mover(registry).run(threading.Event()) == []
    assert rows(registry) == tried
    registry.ground.keys.enable(key)
    start(registry, key)  # asked for again: now
    assert mover(registry).run(threading.Event()) == []
    with registry.ground.database.write() as connection:
        long_ago = datetime.now(UTC) - rekeyer_module.AGAIN
        connection.execute(sa.update(rekeys).values(tried_at=long_ago))
    assert [each.name for each in mover(registry).run(threading.Event())] == [NAME]


def rows(registry: Registry) -> list[Any]:
    with registry.ground.database.read() as connection:
        return list(connection.execute(sa.select(rekeys)).all())


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_one_damaged_blob_stops_no_other(
    registry: Registry, image: made.Image, key: str, harm: str
) -> None:
    victim = image.children[0].blobs[1]
    hexadecimal = victim.digest.removeprefix("sha256:")
    (path,) = [path for path in registry.objects() if hexadecimal in path]
    stored = registry.settings.data / "storage" / path
    stored.unlink() if harm == "missing" else stored.write_bytes(stored.read_bytes()[:-1] + b"!")
    start(registry, key)
    assert run(registry) == []
    move = the_move(registry)
    assert move.problem is not None
    assert victim.digest in move.problem
    assert (move.left.blobs, move.left.manifests) == (1, 0)
    check_readable(registry, NAME, image.children[1], image.children[1].digest)
    assert not any(path.startswith("uploads/") for path in registry.objects())
    with registry.http() as client:
        made.push_blob(client, NAME, victim.content)  # which repairs it
    assert run(registry) == [NAME]
    check_readable(registry, NAME, image, "v1")
