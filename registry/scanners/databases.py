"""Trivy's databases on disk, and how one that was fetched elsewhere takes its place there.

    CACHE/db/trivy.db             CACHE/java-db/trivy-java.db
    CACHE/db/metadata.json        CACHE/java-db/metadata.json
    CACHE/db/moorage-source       CACHE/java-db/moorage-source

Source: Trivy documentation, "Air-Gapped Environment"; trivy `pkg/db` and `pkg/javadb`.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

_METADATA = "metadata.json"
_SOURCE = "moorage-source"
_ROOM = "fetch-"
_LOOK_SECONDS = 0.2


class Held(Enum):
    """A database; the value is the folder that Trivy keeps it in."""

    VULNERABILITIES = "db"
    JAVA = "java-db"
    """Which Java archive is which, by its checksum."""

    @property
    def file(self) -> str:
        """The name of its file."""
        return "trivy.db" if self is Held.VULNERABILITIES else "trivy-java.db"

    @property
    def download(self) -> str:
        """Trivy's option that fetches it and does nothing else."""
        return f"--download-{self.value}-only"

    @property
    def repository(self) -> str:
        """Trivy's option that says where from."""
        return f"--{self.value}-repository"


class Cache:
    """Trivy's cache directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def source(self, kind: Held) -> str | None:
        """What `take` put there, if it still is there and is whole."""
        folder = self._folder / kind.value
        try:
            told = (folder / _SOURCE).read_text()
        except OSError:
            return None
        whole = (folder / kind.file).is_file() and (folder / _METADATA).is_file()
        return told if whole else None

    def release(self, kind: Held) -> None:
        """Forget where it is from: Trivy sees to it by itself again."""
        (self._folder / kind.value / _SOURCE).unlink(missing_ok=True)

    @contextmanager
    def room(self, stop: threading.Event) -> Iterator[Path]:
        """A folder on the same disk to fetch into; one process at a time has one.

        What a killed process left goes. Raises InterruptedError at a stop, OSError.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "fetch.lock").open("w") as lock:
            while not _locked(lock.fileno()):
                if stop.wait(_LOOK_SECONDS):
                    raise InterruptedError("the server is stopping")
            for left in self._folder.glob(f"{_ROOM}*/"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=_ROOM) as room:
                yield Path(room)

    def take(self, kind: Held, room: Path, source: str) -> None:
        """Put what was fetched in the place of what was there. Raises OSError.

        A scan that runs goes on with the file that it has open. Metadata come after the database
        that they tell of: a scan between the two names an older one, and is made again.
        """
        folder = self._folder / kind.value
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.release(kind)
        for name in (kind.file, _METADATA):
            (room / kind.value / name).replace(folder / name)
        (folder / _SOURCE).write_text(source)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
