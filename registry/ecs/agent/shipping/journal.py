"""What is kept of each container whose output is carried: where to, and how far that is.

A file for each, readable by its owner alone: it has the execution role's temporary credentials,
for what is left of a container that stopped while nobody was there to read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.ecs.agent.shipping.marks import Mark
from registry.ecs.protocol import RoleCredentials


@dataclass(frozen=True, slots=True)
class Followed:
    """One container."""

    runtime_id: str
    task_arn: str
    container: str
    options: Mapping[str, str]
    credentials: RoleCredentials | None = field(repr=False)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """By source, the place up to which everything was sent."""

    def at(self, marks: Mapping[str, Mark]) -> Followed:
        """The same, further on."""
        return replace(self, marks={**self.marks, **marks})


class Journal:
    """Files in a folder. A write is durable when it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def keep(self, followed: Followed) -> None:
        """Write what is known of one."""
        document = {**asdict(followed), "credentials": _written(followed.credentials)}
        path = self._path(followed.runtime_id)
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def find(self, runtime_id: str) -> Followed | None:
        """What is known of one, if anything is."""
        try:
            document = json.loads(self._path(runtime_id).read_text())
        except FileNotFoundError:
            return None
        return _read(document)

    def forget(self, runtime_id: str) -> None:
        """Nothing is left to be done for one."""
        self._path(runtime_id).unlink(missing_ok=True)

    def all(self) -> Iterator[str]:
        """The ids of those that are known."""
        for path in sorted(self._folder.glob("*.json")):
            yield path.stem

    def _path(self, runtime_id: str) -> Path:
        return self._folder / f"{Path(runtime_id).name}.json"


def _written(credentials: RoleCredentials | None) -> dict[str, Any] | None:
    if credentials is None:
        return None
    return {**asdict(credentials), "expiration": credentials.expiration.isoformat()}


def _read(document: Mapping[str, Any]) -> Followed:
    credentials = document["credentials"]
    if credentials is not None:
        until = datetime.fromisoformat(credentials["expiration"])
        credentials = RoleCredentials(**{**credentials, "expiration": until})
    marks = {source: Mark(*mark) for source, mark in document["marks"].items()}
    return Followed(**{**document, "credentials": credentials, "marks": marks})
