"""How SQLite answers what every push and collection asks: never by going through everything."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from registry.domain.garbage import Garbage
from registry.values.digest import Digest
from tests import images
from tests.application import Registry

SLOW = re.compile(
    r"SCAN (blobs|links|images|image_\w+|tags)\b"
    r"|SEARCH (links|images|tags) USING .*\(repository_id=\?\)$"
)
"""All rows of a table, or all of a repository. Uploads, leftovers and tasks are few."""


@pytest.fixture
def asked(registry: Registry) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is executed, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, sql: str, parameters: Any, *_: object) -> None:
        statements.append((sql, parameters))

    engine = registry.ground.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)


def slow(registry: Registry, statements: list[tuple[str, Any]]) -> set[str]:
    found = set()
    asked = {sql: parameters for sql, parameters in statements if "FROM" in sql or "UPDATE" in sql}
    assert len(asked) > 3
    with registry.ground.database.read() as connection:
        for sql, parameters in asked.items():
            one = parameters[0] if isinstance(parameters, list) else parameters
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", one).all()
            found |= {f"{row.detail}: {sql}" for row in plan if SLOW.match(row.detail)}
    return found


def test_a_push_and_its_deletion(registry: Registry, asked: list[tuple[str, Any]]) -> None:
    registry.create("team/app")
    registry.create("team/other")
    tree = images.multi_arch()
    with registry.http() as client:
        images.push(client, "team/app", tree, "v1")
        for blob in tree.children[0].blobs:
            assert client.head(f"/v2/team/app/blobs/{blob.digest}").status_code == 200
            path = f"/v2/team/other/blobs/uploads/?mount={blob.digest}&from=team/app"
            assert client.post(path).status_code == 201
            assert client.delete(f"/v2/team/app/blobs/{blob.digest}").status_code == 405
            assert client.delete(f"/v2/team/other/blobs/{blob.digest}").status_code == 202
        for digest in (tree.digest, tree.children[0].digest):
            assert client.delete(f"/v2/team/app/manifests/{digest}").status_code == 202
    assert slow(registry, asked) == set()


def test_archived_and_restored(registry: Registry, asked: list[tuple[str, Any]]) -> None:
    registry.create("team/app")
    tree = images.multi_arch()
    registry.hold("team/app", tree, "v1")
    asked.clear()
    targets: tuple[Literal["ARCHIVE", "STANDARD"], ...] = ("ARCHIVE", "STANDARD")
    for target in targets:
        registry.ecr().update_image_storage_class(
            repositoryName="team/app",
            imageId={"imageTag": "v1"},
            targetStorageClass=target,
        )
    assert slow(registry, asked) == set()


def test_a_collection(registry: Registry, asked: list[tuple[str, Any]]) -> None:
    repository = registry.create("team/app")
    registry.hold_blob(repository, b"idle")
    upload = registry.uploads.start(repository, "arn:test")
    registry.uploads.append(repository, "arn:test", upload.id, [b"abandoned"])
    asked.clear()
    garbage = Garbage(
        registry.ground.database,
        registry.vault,
        registry.ground.storage,
        grace=timedelta(hours=1),
        expiry=timedelta(hours=1),
        clock=lambda: datetime.now(UTC) + timedelta(hours=2),
    )
    expected = garbage.survey()
    assert garbage.run(threading.Event()) == expected
    assert expected.blobs == expected.uploads == 1
    assert slow(registry, asked) == set()
    assert Digest.of(b"idle").hex not in "".join(registry.objects())
