"""`moorage gc`: what it would free, what it frees, and beside whom."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from registry.commands.shown import size
from registry.domain.tasks import Task
from tests import images
from tests.application import Registry
from tests.commands.running import moorage, result_of

TINY = ("--gc-grace-hours", "0.0000001", "--upload-expiry-hours", "0.0000001")


@pytest.fixture
def data(registry: Registry) -> Path:
    """An image, a blob that no image needs, an upload, a leftover."""
    repository = registry.create("team/app")
    registry.hold("team/app", images.oci_image(images.layer({"a": b"1"})), "v1")
    registry.hold_blob(repository, b"x" * 3000)
    upload = registry.uploads.start(repository, "arn:test")
    registry.uploads.append(repository, "arn:test", upload.id, [b"y" * 2000])
    left = f"blobs/{repository.key_id}/sha256/00/{'0' * 64}/{'0' * 32}"
    registry.ground.storage.put(left, [b"z" * 100])
    with registry.ground.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO leftovers VALUES (?)", (left,))
    return registry.settings.data


def test_a_dry_run_tells_and_changes_nothing(registry: Registry, data: Path) -> None:
    before = registry.stored()
    told = moorage(data, "gc", "--dry-run", *TINY)
    assert told.startswith("would free 5.0 KiB:\n")
    assert "1 blobs, 2.9 KiB; 1 taken out" in told
    assert "1 abandoned uploads, 2.0 KiB" in told
    assert "1 objects left behind, 100 bytes" in told
    assert registry.stored() == before


def test_a_run_frees_what_the_dry_run_told(registry: Registry, data: Path) -> None:
    expected = moorage(data, "gc", "--dry-run", *TINY)
    told = moorage(data, "gc", *TINY)
    assert told == expected.replace("would free", "freed")
    assert len(registry.objects()) == 2
    assert moorage(data, "gc", "--dry-run", *TINY).startswith("would free 0 bytes")
    registry.check_whole()


def test_with_the_settings_as_they_are_only_leftovers_go(registry: Registry, data: Path) -> None:
    assert "\n  0 blobs" in moorage(data, "gc")
    assert len(registry.objects()) == 4


def test_it_waits_for_the_one_that_runs(registry: Registry, data: Path) -> None:
    other = Task(registry.ground.database, "garbage")
    assert other.take()
    release = threading.Timer(1.5, lambda: other.release(finished=True))
    release.start()
    result = result_of(data, "gc")
    release.join()
    assert result.exit_code == 0
    assert "waiting for the collection that runs now" in result.stderr


def test_where_nothing_is_kept(tmp_path: Path) -> None:
    for command in (["gc"], ["verify"], ["backup", tmp_path / "file"]):
        result = result_of(tmp_path / "none", *command)
        assert result.exit_code == 1
        assert "no server has kept anything here yet" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"),
     (3 << 50, "3,072.0 TiB")],
)  # fmt: skip
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown
