"""What is known of a scan, and that what was found lies sealed and goes with its image."""

from __future__ import annotations

import zlib

import sqlalchemy as sa

from registry.database.schema import scan_reports, scans
from registry.domain import image_rows
from registry.domain.scanning.findings import anonymous, read_report
from registry.domain.scanning.reports import Reports
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, Registry
from tests.domain.scanning.reports import report, vulnerability

NAME = "team/app"
IMAGE = made.oci_image(made.layer({"a": b"a"}))


def image_id(registry: Registry, digest: str) -> int:
    repository = registry.repositories.get(SCOPE, NAME)
    return registry.images.get(repository, Digest.parse(digest)).image.id


def test_what_was_never_to_be_scanned(registry: Registry) -> None:
    repository = registry.create(NAME)
    registry.hold(NAME, IMAGE)
    digest = Digest.parse(IMAGE.digest)
    assert registry.stores.scans.report(repository, digest) is None
    assert registry.stores.scans.state(repository, digest) is None
    assert registry.stores.scans.report(repository, Digest.of(b"no such image")) is None


def test_a_push_asks_for_a_scan_in_its_own_transaction(registry: Registry) -> None:
    repository = registry.create(NAME, scan_on_push=True)
    registry.hold(NAME, IMAGE)
    registry.hold(NAME, IMAGE, "again")
    state = registry.stores.scans.state(repository, Digest.parse(IMAGE.digest))
    assert state is not None
    assert (state.status, state.completed_at, state.counts) == ("PENDING", None, {})
    (row,) = registry.rows()["scans"]
    assert row[scans.c.keys().index("cause")] == "push"


def test_an_artifact_is_not_tried(registry: Registry) -> None:
    repository = registry.create(NAME, scan_on_push=True)
    chart = made.artifact("application/vnd.example", b"payload")
    registry.hold(NAME, IMAGE)
    registry.hold(NAME, chart)
    registry.hold(NAME, made.artifact("application/vnd.example", b"signature", IMAGE))
    state = registry.stores.scans.state(repository, Digest.parse(chart.digest))
    assert state is not None
    assert state.status == "UNSUPPORTED_IMAGE"
    assert "artifact" in state.description
    assert len(registry.rows()["scans"]) == 2


def test_what_was_found_is_sealed_and_goes_with_the_image(registry: Registry) -> None:
    repository = registry.create(NAME, scan_on_push=True)
    registry.hold(NAME, IMAGE)
    digest, reports = Digest.parse(IMAGE.digest), Reports(registry.vault)
    text = anonymous(report(vulnerability()))
    with registry.ground.database.write() as connection:
        number = image_id(registry, IMAGE.digest)
        assert reports.write(connection, number, text, read_report(text))
        assert not reports.write(connection, number + 99, text, [])
    found = registry.stores.scans.report(repository, digest)
    assert found is not None
    assert [each.id for each in found.findings] == ["CVE-2020-14343"]
    assert found.report is not None
    assert NAME.encode() in found.report
    (row,) = registry.rows()["scan_reports"]
    for sealed in row[1:]:
        assert b"PyYAML" not in sealed
        assert zlib.compress(text, 6)[:20] not in sealed
    with registry.ground.database.write() as connection:
        image_rows.delete(connection, repository.id, number)
    assert registry.rows()["scan_reports"] == registry.rows()["scans"] == []


def test_it_moves_to_another_key_with_the_manifest(registry: Registry) -> None:
    repository = registry.create(NAME, scan_on_push=True)
    registry.hold(NAME, IMAGE)
    reports, text = Reports(registry.vault), report(vulnerability())
    number = image_id(registry, IMAGE.digest)
    other = registry.ground.keys.create("another", "alias/another").key_id
    with registry.ground.database.write() as connection:
        reports.write(connection, number, text, read_report(text))
        before = connection.execute(sa.select(scan_reports.c.report)).scalar_one()
        reports.reseal(connection, number, repository.key_id, other)
        reports.reseal(connection, number + 99, repository.key_id, other)
        after = connection.execute(sa.select(scan_reports.c.report)).scalar_one()
    name = f"scan report of {IMAGE.digest}"
    assert zlib.decompress(registry.vault.open(other, after, name)) == text
    assert before != after
    with registry.ground.database.write() as connection:  # under the wrong key: as if damaged
        reports.reseal(connection, number, repository.key_id, other)
    assert registry.rows()["scan_reports"] == []
