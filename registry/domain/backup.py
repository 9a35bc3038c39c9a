"""A copy of the metadata in one file, made while the server runs, and the way back.

The file is a tar archive, readable by its owner alone, for it can open everything:

    backup.json     format, when and by which version; size and sha256 of each file that follows
    objects.jsonl   what has to be in storage: path, content bytes and digest of each blob
    keyring.json    the master keys
    credentials     administrators' access keys, if there are any
    moorage.db      the metadata, in one state

SQLite's online backup takes one state and blocks nobody (sqlite.org/backup.html). The keyring is
read after the metadata: every key that a repository of the copy names is in it. Uploads that
were under way are left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from registry.domain.vault import blob_path
from registry.storage.files import disk_failures
from registry.values.digest import Digest
from registry.values.errors import Conflict, Damaged, ParameterInvalid

FORMAT = "moorage-backup"
VERSION = 1
ABOUT, OBJECTS, METADATA = "backup.json", "objects.jsonl", "moorage.db"
_PIECE = 1 << 20
_ABOUT_MAX = 1 << 20
_UNWANTED = (METADATA + "-wal", METADATA + "-shm")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    created: str
    """ISO 8601."""
    objects: tuple[str, ...]
    """Storage paths of the blobs it needs."""


def backup(target: Path, metadata: Path, others: Mapping[str, Path], version: str) -> Contents:
    """Write a backup of the metadata and of other files, by their names in it.

    Raises Conflict if the target exists, Damaged if the metadata is, StorageUnavailable and
    StorageFull; then there is no target.
    """
    if target.exists():
        raise Conflict(f"{target} exists already")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    with (
        disk_failures("writing the backup"),
        tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch,
    ):
        folder = Path(scratch)  # mode 0700
        _copy_metadata(metadata, folder / METADATA)
        objects = _list_objects(folder)
        for name, path in others.items():
            if path.exists():
                (folder / name).write_bytes(path.read_bytes())
        names = [OBJECTS, *(name for name in others if (folder / name).exists()), METADATA]
        about = {"format": FORMAT, "version": VERSION, "created": created, "moorage": version}
        files = {name: _described(folder / name) for name in names}
        (folder / ABOUT).write_text(json.dumps({**about, "files": files}, indent=2))
        _archive(target, folder, [ABOUT, *names])
    return Contents(created, objects)


def restore(source: Path, data: Path, places: Mapping[str, Path]) -> Contents:
    """Put the files of a backup into a data directory, or where `places` says, by their names.

    Nothing that is there is overwritten: raises Conflict. Raises ParameterInvalid for what is
    not a backup, Damaged for one that is; then nothing was restored.
    """
    written: list[Path] = []
    try:
        with disk_failures("restoring the backup"), _opened(source) as archive:
            about = _about(source, archive)
            targets = {name: places.get(name, data / name) for name in about["files"]}
            for path in (*targets.values(), *(data / name for name in _UNWANTED)):
                if path.exists():
                    raise Conflict(f"{path} exists already: restore into an empty directory")
            objects: tuple[str, ...] = ()
            for name, expected in about["files"].items():
                stored = _member(source, archive, name)
                if name == OBJECTS:
                    objects = _paths(_checked(stored, expected, name))
                else:
                    written.append(targets[name])
                    _write(targets[name], _pieces(stored), expected)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return Contents(str(about["created"]), objects)


def _copy_metadata(source: Path, target: Path) -> None:
    try:
        reading, writing = sqlite3.connect(source), sqlite3.connect(target)
        try:
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")
            (state,) = writing.execute("PRAGMA integrity_check").fetchone()
            if state != "ok":
                raise Damaged(f"the metadata is damaged: {state}")
            writing.execute("PRAGMA foreign_keys = ON")
            writing.execute("DELETE FROM uploads")
            writing.execute("DELETE FROM tasks")
            writing.commit()
        finally:
            writing.close()
            reading.close()
    except sqlite3.DatabaseError as error:
        raise Damaged(f"the metadata cannot be copied: {error}") from error


def _list_objects(folder: Path) -> tuple[str, ...]:
    paths = []
    reading = sqlite3.connect(folder / METADATA)
    try:
        query = "SELECT key_id, digest, size, object FROM blobs ORDER BY id"
        with (folder / OBJECTS).open("w") as file:
            for key_id, digest, size, name in reading.execute(query):
                path = blob_path(key_id, Digest.parse(digest), name)
                file.write(json.dumps({"path": path, "size": size, "digest": digest}) + "\n")
                paths.append(path)
    finally:
        reading.close()
    return tuple(paths)


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _archive(target: Path, folder: Path, names: list[str]) -> None:
    draft = folder / "archive"
    with (
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        for name in names:
            archive.add(folder / name, arcname=name, filter=_plain)
        archive.close()
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, target)  # unlike a rename it never replaces what is there by now
    except FileExistsError:
        raise Conflict(f"{target} exists already") from None
    _sync(target.parent)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:") as archive:
            yield archive
    except tarfile.TarError as error:
        raise ParameterInvalid(f"{source} is not a backup: {error}") from None


def _about(source: Path, archive: tarfile.TarFile) -> dict[str, Any]:
    with _member(source, archive, ABOUT) as file:
        text = file.read(_ABOUT_MAX)
    try:
        about = json.loads(text)
    except ValueError:
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ParameterInvalid(f"{source} is not a backup")
    if about.get("version") != VERSION:
        raise ParameterInvalid(f"{source} is a backup of a newer Moorage")
    if METADATA not in about["files"] or any(Path(n).name != n for n in about["files"]):
        raise ParameterInvalid(f"{source} is not a backup")
    return about


def _member(source: Path, archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ParameterInvalid(f"{source} is not a backup: it has no {name}")
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _checked(file: IO[bytes], expected: Mapping[str, Any], name: str) -> bytes:
    content = file.read()
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise Damaged(f"{name} in the backup is damaged")
    return content


def _paths(lines: bytes) -> tuple[str, ...]:
    return tuple(str(json.loads(line)["path"]) for line in lines.splitlines())


def _write(target: Path, pieces: Iterator[bytes], expected: Mapping[str, Any]) -> None:
    running = hashlib.sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            running.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if running.hexdigest() != expected["sha256"]:
        raise Damaged(f"{target.name} in the backup is damaged")
    _sync(target.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
