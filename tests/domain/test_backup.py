"""A backup is one state of a server at work, and restores nothing but whole files."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from registry.domain.backup import ABOUT, METADATA, OBJECTS, backup, restore
from registry.domain.repositories import Repository
from registry.values.errors import Conflict, Damaged, MoorageError, ParameterInvalid
from tests import images
from tests.application import Registry

ARN = "arn:test"


@pytest.fixture
def repository(registry: Registry) -> Repository:
    made = registry.create("team/app")
    registry.hold("team/app", images.multi_arch(), "v1")
    return made


def others(data: Path) -> dict[str, Path]:
    return {name: data / name for name in ("keyring.json", "credentials")}


def made(registry: Registry, folder: Path) -> Path:
    data, file = registry.settings.data, folder / "backup.tar"
    contents = backup(file, data / METADATA, others(data), "1.2.3")
    assert set(contents.objects) == {p for p in registry.objects() if p.startswith("blobs/")}
    return file


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        found = {name: archive.extractfile(name) for name in archive.getnames()}
        return {name: member.read() for name, member in found.items() if member is not None}


def rewritten(file: Path, **changed: bytes | None) -> None:
    """The archive with other members, or without them."""
    kept = {**members(file), **{n.replace("__", "."): c for n, c in changed.items()}}
    with tarfile.open(file, "w") as archive:
        for name, content in kept.items():
            if content is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def test_what_comes_back_is_what_was_there(
    registry: Registry, repository: Repository, tmp_path: Path
) -> None:
    registry.uploads.start(repository, ARN)
    data, before = registry.settings.data, registry.rows("uploads", "tasks")
    file = made(registry, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".backup*")) == []
    # What changes afterwards is not in it.
    registry.hold_blob(repository, b"later")
    (tmp_path / "new").mkdir()
    contents = restore(file, tmp_path / "new", others(tmp_path / "new"))
    assert len(contents.objects) == 4
    for name, path in others(tmp_path / "new").items():
        assert path.read_bytes() == (data / name).read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "new/storage").symlink_to(data / "storage")
    reopened = registry.beside(data=tmp_path / "new")
    try:
        assert reopened.rows("uploads", "tasks") == before
        assert reopened.rows()["uploads"] == []
        assert reopened.images.get(repository, "v1").content == images.multi_arch().manifest
    finally:
        reopened.close()


def test_the_list_of_objects_says_what_to_bring_back(
    registry: Registry, repository: Repository, tmp_path: Path
) -> None:
    listed = [json.loads(line) for line in members(made(registry, tmp_path))[OBJECTS].splitlines()]
    stored = {row[2]: row[3] for row in registry.rows()["blobs"]}
    assert {each["digest"]: each["size"] for each in listed} == stored
    assert repository.key_id in listed[0]["path"]


def test_nothing_is_overwritten(registry: Registry, repository: Repository, tmp_path: Path) -> None:
    file = made(registry, tmp_path)
    content = file.read_bytes()
    with pytest.raises(Conflict, match=r"backup\.tar exists"):
        made(registry, tmp_path)
    assert file.read_bytes() == content
    for name in (METADATA, METADATA + "-wal", "keyring.json", "credentials"):
        folder = tmp_path / f"has-{name}"
        folder.mkdir()
        (folder / name).write_bytes(b"mine")
        with pytest.raises(Conflict, match=name):
            restore(file, folder, others(folder))
        assert [p.name for p in folder.iterdir()] == [name]
        assert (folder / name).read_bytes() == b"mine"
    assert repository.name == "team/app"


@pytest.mark.parametrize("name", [METADATA, "keyring.json", "credentials", OBJECTS])
def test_a_changed_bit_is_refused(
    registry: Registry, repository: Repository, tmp_path: Path, name: str
) -> None:
    file = made(registry, tmp_path)
    content = bytearray(members(file)[name])
    content[len(content) // 2] ^= 1
    rewritten(file, **{name.replace(".", "__"): bytes(content)})
    check_refused(file, tmp_path / "new", Damaged)
    assert repository.name == "team/app"


def test_what_is_no_backup_is_refused(
    registry: Registry, repository: Repository, tmp_path: Path
) -> None:
    file = made(registry, tmp_path)
    about = json.loads(members(file)[ABOUT])
    whole = file.read_bytes()
    wrong: list[dict[str, bytes | None]] = [
        {"backup__json": None},
        {"backup__json": b"[]"},
        {"backup__json": b"{"},
        {"backup__json": json.dumps({**about, "version": 2}).encode()},
        {"backup__json": json.dumps({**about, "files": {}}).encode()},
        {"moorage__db": None},
        {"keyring__json": None},
    ]
    evil = {**about["files"], "../evil": about["files"]["credentials"]}
    wrong.append({"backup__json": json.dumps({**about, "files": evil}).encode()})
    for number, changed in enumerate(wrong):
        file.write_bytes(whole)
        rewritten(file, **changed)
        check_refused(file, tmp_path / f"new-{number}", ParameterInvalid)
    for number, content in enumerate((b"", b"hello" * 1000)):
        file.write_bytes(content)
        check_refused(file, tmp_path / f"other-{number}", ParameterInvalid)
    assert repository.name == "team/app"


def check_refused(file: Path, folder: Path, kind: type[MoorageError]) -> None:
    folder.mkdir()
    with pytest.raises(kind):
        restore(file, folder, others(folder))
    assert list(folder.iterdir()) == []


def test_every_cut_off_backup_is_refused(
    registry: Registry, repository: Repository, tmp_path: Path
) -> None:
    file = made(registry, tmp_path)
    size = file.stat().st_size
    data_ends = size - 10240  # a tar file ends with blocks of zeros, which nobody needs
    for number, length in enumerate(range(512, data_ends, max(1, data_ends // 12))):
        os.truncate(file, size)
        part = tmp_path / f"part-{number}"
        part.write_bytes(file.read_bytes()[:length])
        folder = tmp_path / f"new-{number}"
        folder.mkdir()
        with pytest.raises((ParameterInvalid, Damaged)):
            restore(part, folder, others(folder))
        assert list(folder.iterdir()) == []
    assert repository.name == "team/app"


def test_damaged_metadata_is_not_backed_up(registry: Registry, tmp_path: Path) -> None:
    harmed = tmp_path / "harmed.db"
    harmed.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(Damaged):
        backup(tmp_path / "backup.tar", harmed, {}, "1")
    assert not (tmp_path / "backup.tar").exists()
    assert registry.rows()["repositories"] == []
