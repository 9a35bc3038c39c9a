"""One pull as a line of the journal.

    <id, 32 hex digits> <seconds since 1970> <1 if it counts, else 0> <image's row> <JSON>

The JSON tells what an event of it says: the image may be gone when the event is made. It is kept
for the next pull of the same image, and read only where somebody wants to be told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry.domain.images import Image
    from registry.domain.repositories import Repository

_TEXTS_MAX = 4096


class Pull(NamedTuple):
    """What a line says."""

    end: int
    """Where in its page it ends, in bytes."""
    id: str
    seconds: float
    """Since 1970."""
    counts: bool
    """Whether it is to show in the image's last pull time."""
    image_id: int
    text: bytes
    """What an event tells of it, as JSON."""

    def described(self) -> Described:
        """The text, read. Raises ValueError, TypeError for what is none."""
        return Described(**json.loads(self.text))


@dataclass(frozen=True, slots=True)
class Described:
    """What an event of a pull says."""

    account: str
    region: str
    repository: str
    digest: str
    media_type: str
    artifact_type: str | None
    subject: str | None
    tag: str | None


class PullLines:
    """Makes lines, quickly."""

    def __init__(self) -> None:
        self._texts: dict[tuple[int, int, str | None], bytes] = {}

    def line(
        self, repository: Repository, image: Image, tag: str | None, seconds: float, *, counts: bool
    ) -> bytes:
        """The line of a pull at that time."""
        key = (image.id, repository.id, tag)
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _TEXTS_MAX:
                self._texts.clear()
            text = self._texts[key] = _text(repository, image, tag)
        return b"%b %.6f %d %d %b\n" % (
            os.urandom(16).hex().encode(),
            seconds,
            counts,
            image.id,
            text,
        )


def _text(repository: Repository, image: Image, tag: str | None) -> bytes:
    told = {
        "account": repository.scope.account,
        "region": repository.scope.region,
        "repository": repository.name,
        "digest": str(image.digest),
        "media_type": image.media_type,
        "artifact_type": image.artifact_type,
        "subject": str(image.subject) if image.subject else None,
        "tag": tag,
    }
    return json.dumps(told, separators=(",", ":")).encode()


def pulls_in(lines: bytes, start: int) -> Iterator[Pull]:
    """The pulls of whole lines that begin at `start` of their page; what is none is passed over."""
    for line in lines.splitlines(keepends=True):
        start += len(line)
        parts = line.split(b" ", 4)
        try:
            moment, counts, image_id = float(parts[1]), parts[2] == b"1", int(parts[3])
            yield Pull(start, parts[0].decode("ascii"), moment, counts, image_id, parts[4])
        except (ValueError, IndexError):
            continue
