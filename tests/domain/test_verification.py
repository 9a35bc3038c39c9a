"""Whatever is wrong in storage is found, and put right as far as it can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.database.schema import blobs, links
from registry.domain import upload_rows
from registry.domain.repair import Repair, implausible
from registry.domain.repositories import Encryption, Repository
from registry.domain.tasks import Task
from registry.domain.verification import Found, Pace, Problem, Verification
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound, Conflict, Damaged, ImageNotFound
from tests import images
from tests.application import SCOPE, Registry

CONTENT = b"layer" * 60_000
DIGEST = Digest.of(CONTENT)
LAYER = images.Blob(CONTENT, images.OCI_LAYER, "x")
IMAGE = images.oci_image(LAYER)


@pytest.fixture
def repository(registry: Registry) -> Repository:
    made = registry.create("team/app")
    registry.hold("team/app", IMAGE, "v1")
    return made


def verification(registry: Registry) -> Verification:
    ground = registry.ground
    return Verification(ground.database, registry.vault, ground.storage, lambda _: None)


def verified(registry: Registry, report: Callable[[int], None] = lambda _: None) -> Found:
    """A whole run from where the last one was cut short."""
    checking = verification(registry)
    found, finished = checking.begin(), False
    try:
        checking.run(found, report)
        finished = True
    finally:
        checking.end(found, finished=finished)
    return found


def repaired(registry: Registry, problem: Problem) -> str:
    ground = registry.ground
    repair = Repair(ground.database, registry.vault, ground.storage, verification(registry))
    return repair.one(problem)


def kinds(found: Found) -> list[tuple[str, str]]:
    return [(problem.kind, problem.subject) for problem in found.problems]


def file_of(registry: Registry, digest: Digest = DIGEST) -> Path:
    (path,) = (registry.settings.data / "storage/blobs").glob(f"*/*/*/{digest.hex}/*")
    return path


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def swap_content(path: Path) -> None:
    """Another object's bytes, whole in themselves."""
    others = [p for p in path.parents[3].rglob("*") if p.is_file() and p != path]
    path.write_bytes(others[0].read_bytes())


HARMS = {"missing": remove, "flipped": flip, "cut": cut, "swapped": swap_content}


def readable(registry: Registry, repository: Repository) -> bool:
    try:
        blob = registry.blobs.get(repository, DIGEST)
        content = b"".join(bytes(p) for p in registry.blobs.open(repository, blob))
    except (BlobNotFound, Damaged):
        return False
    assert content == CONTENT
    return True


def test_what_is_well_is_read_to_the_last_byte(registry: Registry, repository: Repository) -> None:
    registry.hold_blob(repository, b"")
    expected = verification(registry).left(Found())
    seen: list[int] = []
    found = verified(registry, seen.append)
    assert not found.problems
    assert (found.blobs, found.manifests, found.objects) == (3, 1, 3)
    assert sum(seen) == found.bytes == expected


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
class TestBlobs:
    def test_harm_is_found(
        self, registry: Registry, repository: Repository, harm: Callable[[Path], None]
    ) -> None:
        harm(file_of(registry))
        (problem,) = verified(registry).problems
        assert problem.kind == ("missing" if harm is remove else "damaged")
        assert problem.name == str(DIGEST)
        assert not readable(registry, repository)

    def test_without_a_copy_it_is_dropped_and_a_push_heals(
        self, registry: Registry, repository: Repository, harm: Callable[[Path], None]
    ) -> None:
        harm(file_of(registry))
        (problem,) = verified(registry).problems
        assert "1 images" in repaired(registry, problem)
        assert verified(registry).problems == []
        with registry.http() as client:
            url = f"/v2/{repository.name}/blobs/{DIGEST}"
            assert client.head(url).status_code == 404
            images.push_blob(client, repository.name, CONTENT)
            assert client.get(url).content == CONTENT
            assert client.delete(url).status_code == 405, "the image needs it again"
        aside = {path for path in registry.objects() if path.startswith("damaged/")}
        assert len(aside) == (harm is not remove)
        assert registry.rows()["image_gaps"] == []

    def test_a_copy_under_another_key_is_taken(
        self, registry: Registry, repository: Repository, harm: Callable[[Path], None]
    ) -> None:
        damaged = file_of(registry)
        key = registry.ground.keys.create(alias="alias/other")
        other = registry.repositories.create(
            SCOPE, "team/other", encryption=Encryption("KMS", key.key_id)
        )
        registry.hold_blob(other, CONTENT)
        harm(damaged)
        (problem,) = verified(registry).problems
        assert repaired(registry, problem) == "taken from another copy"
        assert readable(registry, repository)
        assert readable(registry, other)
        assert verified(registry).problems == []

    def test_a_whole_object_beside_it_is_taken(
        self, registry: Registry, repository: Repository, harm: Callable[[Path], None]
    ) -> None:
        """An orphan of the same digest, as a restored backup may have."""
        path = file_of(registry)
        spare = path.with_name("0" * 32)
        folder = str(path.parent.relative_to(registry.settings.data / "storage"))
        registry.vault.driver(repository.key_id).put(f"{folder}/{spare.name}", [CONTENT])
        harm(path)
        problems = verified(registry).problems
        assert {p.subject for p in problems} == {"blob", "object"}
        assert repaired(registry, problems[0]) == "taken from another copy"
        assert readable(registry, repository)
        assert repaired(registry, problems[1]) == "needed by now"
        assert verified(registry).problems == []


def test_what_is_whole_by_now_is_left_alone(registry: Registry, repository: Repository) -> None:
    path = file_of(registry)
    content = path.read_bytes()
    flip(path)
    (problem,) = verified(registry).problems
    path.write_bytes(content)
    assert repaired(registry, problem) == "whole by now"
    registry.check_whole()


def test_an_orphan_is_deleted_and_a_stranger_is_not(
    registry: Registry, repository: Repository
) -> None:
    folder = f"blobs/{repository.key_id}/sha256/{DIGEST.hex[:2]}/{DIGEST.hex}"
    registry.ground.storage.put(f"{folder}/{'0' * 32}", [b"x" * 77])
    registry.ground.storage.put("blobs/notes", [b"mine"])
    (problem,) = verified(registry).problems
    assert (problem.kind, problem.detail) == ("orphaned", "77 bytes")
    assert repaired(registry, problem) == "deleted"
    assert verified(registry).problems == []
    assert "blobs/notes" in registry.objects()


def test_what_moves_in_is_no_orphan(registry: Registry, repository: Repository) -> None:
    upload = registry.uploads.start(repository, "arn:test")
    registry.uploads.append(repository, "arn:test", upload.id, [b"new"])
    with registry.ground.database.read() as connection:
        ((part,), _) = upload_rows.parts(connection, upload.id)
    registry.uploads._place(repository, upload, part)
    assert verified(registry).problems == []


def test_a_damaged_manifest_goes_with_its_tags(registry: Registry, repository: Repository) -> None:
    with registry.ground.database.write() as connection:
        connection.exec_driver_sql("UPDATE images SET manifest = substr(manifest, 1, 200)")
    (problem,) = verified(registry).problems
    assert (problem.kind, problem.subject) == ("damaged", "manifest")
    repaired(registry, problem)
    with pytest.raises(ImageNotFound):
        registry.images.get(repository, "v1")
    assert verified(registry).problems == []
    assert all(row[3] is not None for row in registry.rows()["links"])  # to be collected
    registry.hold("team/app", IMAGE, "v1")
    assert registry.images.get(repository, "v1").content == IMAGE.manifest


def test_a_disabled_key_is_no_damage(registry: Registry, repository: Repository) -> None:
    key = registry.ground.keys.create(alias="alias/other")
    encryption = Encryption("KMS", key.key_id)
    other = registry.repositories.create(SCOPE, "team/secret", encryption=encryption)
    registry.hold(other.name, IMAGE)
    registry.ground.keys.disable(key.key_id)
    found = verified(registry)
    assert kinds(found) == [("unreadable", "blob")] * 2 + [("unreadable", "manifest")]
    before = registry.stored()
    for problem in found.problems:
        assert "disabled" in repaired(registry, problem)
    assert registry.stored() == before


def test_links_that_are_wrong(registry: Registry, repository: Repository) -> None:
    registry.hold_blob(repository, b"forgotten")
    forgotten = registry.blobs.get(repository, Digest.of(b"forgotten")).id
    with registry.ground.database.write() as connection:
        needed = sa.select(blobs.c.id).where(blobs.c.digest == str(DIGEST)).scalar_subquery()
        connection.execute(sa.delete(links).where(links.c.blob_id == needed))
        connection.execute(
            sa.update(links).where(links.c.blob_id == forgotten).values(idle_since=None)
        )
    found = verified(registry)
    assert kinds(found) == [("unlinked", "link"), ("forgotten", "link")]
    for problem in found.problems:
        repaired(registry, problem)
    assert verified(registry).problems == []
    assert readable(registry, repository)
    idle = {row[1] for row in registry.rows()["links"] if row[3] is not None}
    assert idle == {forgotten}


class TestRuns:
    def test_one_that_is_cut_short_goes_on(
        self, registry: Registry, repository: Repository
    ) -> None:
        flip(file_of(registry))
        for number in range(20):
            registry.hold_blob(repository, b"%d" % number)
        seen: list[int] = []

        def interrupt(count: int) -> None:
            seen.append(count)
            if len(seen) == 12:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verified(registry, interrupt)
        rest: list[int] = []
        found = verified(registry, rest.append)
        assert found.blobs == 22
        assert 0 < len(rest) < 22
        assert kinds(found) == [("damaged", "blob")]
        assert verified(registry).blobs == 22  # and the next begins anew

    def test_one_at_a_time(self, registry: Registry) -> None:
        assert Task(registry.ground.database, "verification").take()
        with pytest.raises(Conflict):
            verified(registry)

    def test_a_pace_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now, slept = [0.0], list[float]()
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        monkeypatch.setattr("time.sleep", slept.append)
        pace = Pace(100.0)
        pace(50)
        now[0] = 2.0
        pace(100)
        pace(100)
        assert slept == [0.5, 0.5]

    @pytest.mark.parametrize(
        ("blobs_", "lost", "expected"),
        [(5, 5, False), (1000, 90, False), (1000, 110, True), (20, 11, True)],
    )
    def test_very_much_lost_is_rather_a_mistake(
        self, blobs_: int, lost: int, expected: bool
    ) -> None:
        problems = [Problem("missing", "blob", "x", "y", n) for n in range(lost)]
        assert implausible(Found(blobs=blobs_, problems=problems)) == expected
