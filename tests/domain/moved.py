"""A repository's move to another key, as the tests of it drive and see it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from registry.database.schema import blobs, images, links, rekeys, uploads
from registry.domain.garbage import Garbage
from registry.domain.rekeyer import Rekeyer
from registry.domain.rekeying import Move, Rekeying
from registry.domain.repositories import Encryption, Repository
from registry.domain.resealing import Resealing
from registry.domain.verification import Found, Pace, Verification
from tests import images as made
from tests.application import SCOPE, Registry

NAME = "team/app"
WHO = "arn:test"


def rekeying(registry: Registry) -> Rekeying:
    return Rekeying(registry.ground.database, registry.vault, registry.repositories)


def mover(registry: Registry) -> Rekeyer:
    database, vault = registry.ground.database, registry.vault
    resealing = Resealing(database, vault, registry.blobs, registry.uploads)
    return Rekeyer(database, resealing, pause=lambda _seconds: 0)


def start(registry: Registry, key: str | None, name: str = NAME, kind: str = "KMS") -> Repository:
    repository = registry.repositories.get(SCOPE, name)
    return rekeying(registry).start(repository, Encryption(kind, key))


def run(registry: Registry) -> list[str]:
    """Names of the repositories that are done."""
    with registry.ground.database.write() as connection:  # as if half a minute had gone by
        connection.execute(sa.update(rekeys).values(tried_at=None))
    return [each.name for each in mover(registry).run(threading.Event())]


def the_move(registry: Registry, name: str = NAME) -> Move:
    return rekeying(registry).moves(registry.repositories.get(SCOPE, name))[-1]


def collect(registry: Registry) -> None:
    garbage = Garbage(
        registry.ground.database,
        registry.vault,
        registry.ground.storage,
        grace=timedelta(hours=1),
        expiry=timedelta(hours=1),
        clock=lambda: datetime.now(UTC),
    )
    assert garbage.run(threading.Event()) is not None


def keys_of(registry: Registry, name: str = NAME) -> set[str]:
    """What anything of the repository lies under."""
    repository = registry.repositories.get(SCOPE, name)
    held = sa.select(blobs.c.key_id).join(links, links.c.blob_id == blobs.c.id)
    with registry.ground.database.read() as connection:
        return {
            key_id
            for query in (
                held.where(links.c.repository_id == repository.id),
                sa.select(images.c.key_id).where(images.c.repository_id == repository.id),
                sa.select(uploads.c.key_id).where(uploads.c.repository_id == repository.id),
            )
            for key_id in connection.execute(query).scalars()
        }


def check_readable(registry: Registry, name: str, image: made.Image, reference: str) -> None:
    """By the wire: the manifest and every blob, byte for byte."""
    with registry.http() as client:
        answer = client.get(f"/v2/{name}/manifests/{reference}")
        assert (answer.status_code, answer.content) == (200, image.manifest)
        for blob in image.blobs:
            answer = client.get(f"/v2/{name}/blobs/{blob.digest}")
            assert (answer.status_code, answer.content) == (200, blob.content)
            part = client.get(f"/v2/{name}/blobs/{blob.digest}", headers={"range": "bytes=1-3"})
            assert (part.status_code, part.content) == (206, blob.content[1:4])
    for child in image.children:
        check_readable(registry, name, child, child.digest)


def verified(registry: Registry) -> Found:
    """What `moorage verify` finds."""
    verification = Verification(
        registry.ground.database, registry.vault, registry.ground.storage, Pace()
    )
    found = verification.begin(again=True)
    verification.run(found, lambda _count: None)
    verification.end(found, finished=True)
    return found


def stop_after(registry: Registry, count: int) -> None:
    """Run until so many blobs are moved."""
    stop, moved = threading.Event(), 0

    def report(_bytes: int) -> None:
        nonlocal moved
        moved += 1
        if moved >= count:
            stop.set()

    with registry.ground.database.write() as connection:
        connection.execute(sa.update(rekeys).values(tried_at=None))
    mover(registry).run(stop, report=report)
