"""Getting an image here, and knowing by its digest which one it is.

As amazon-ecs-agent does by default: the image is asked for every time, so that a tag that moved
is followed; a pull that fails is tried again with growing pauses, except when it was refused;
an image that is here already serves on EC2 where the registry could not be reached. One that the
registry refuses to give does not start from the cache either.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.ecs.agent.collaborators import Puller, PullSource, Unavailable
from registry.ecs.agent.engine import (
    Engine,
    EngineRefused,
    EngineTimeout,
    split_reference,
)
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import TaskPayload

LONGEST_PAUSE = 5.0
_DIGEST = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$")
_REFUSALS = re.compile(
    r"denied|unauthorized|forbidden|not authorized|no basic auth|not found|manifest unknown"
    r"|name unknown|invalid reference|no matching manifest|does not exist|no such image",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|timeout exceeded|no route to host"
    r"|network is unreachable|TLS handshake timeout|connection reset|server misbehaving",
    re.IGNORECASE,
)


class CannotPull(Exception):
    """The image does not come; the text says why."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that is here."""

    image: str
    """What to create a container from: it names exactly what was pulled."""
    digest: str | None


class Pulling:
    """Pulls the images of container definitions."""

    def __init__(
        self,
        engine: Engine,
        puller: Puller,
        settings: AgentSettings,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._puller = puller
        self._settings = settings
        self._sleep = sleep

    def pull(
        self, payload: TaskPayload, definition: Mapping[str, Any], digest: str | None = None
    ) -> Pulled:
        """Pull the image of a definition; with a `digest`, exactly that one again.

        Raises CannotPull, and EngineDown when the engine went away meanwhile.
        """
        pause = self._settings.pull_pause
        for attempt in range(1, self._settings.pull_attempts + 1):
            try:
                return self._once(self._source(payload, definition, digest))
            except _Passing as error:
                if attempt == self._settings.pull_attempts:
                    return self._cached(payload, error)
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("at least one attempt is made")

    def _source(
        self, payload: TaskPayload, definition: Mapping[str, Any], digest: str | None
    ) -> PullSource:
        try:
            source = self._puller.source(payload, definition)
        except Unavailable as error:
            raise CannotPull(str(error)) from error
        except Exception as error:  # of a collaborator: it is tried again, and told
            raise _Passing(str(error), None) from error
        if digest is None:
            return source
        repository, _ = split_reference(source.reference)
        return PullSource(f"{repository}@{digest}", source.username, source.password)

    def _once(self, source: PullSource) -> Pulled:
        try:
            digest = self._run(source)
        except EngineTimeout as error:
            why = "inactivity time exceeded timeout while pulling image"
            raise _Passing(why, source.reference) from error
        except EngineRefused as error:
            raise _sorted(str(error), source.reference) from error
        return self._named(source.reference, digest)

    def _run(self, source: PullSource) -> str | None:
        authorization: dict[str, str] = {}
        if source.password is not None:
            authorization = {"username": source.username or "", "password": source.password}
        digest = None
        for line in self._engine.pull(source.reference, authorization):
            if "error" in line:
                raise _sorted(str(line["error"]), source.reference)
            if found := _DIGEST.match(line.get("status") or ""):
                digest = found[1]
        return digest

    def _named(self, reference: str, digest: str | None) -> Pulled:
        shown = self._engine.image(reference)
        if shown is None:
            raise _Passing(f"image {reference} vanished after its pull", reference)
        repository, tag = split_reference(reference)
        if digest is None and tag.startswith("sha256:"):
            digest = tag
        digests = shown.get("RepoDigests") or []
        if digest is None and digests:
            digest = digests[0].partition("@")[2]
        known = any(one.endswith(f"@{digest}") for one in digests)
        return Pulled(f"{repository}@{digest}" if known else shown["Id"], digest)

    def _cached(self, payload: TaskPayload, error: _Passing) -> Pulled:
        reference = error.reference
        cached = reference and _UNREACHABLE.search(str(error)) and payload.launch_type != "FARGATE"
        if reference and cached and self._engine.image(reference) is not None:
            return self._named(reference, None)
        raise CannotPull(str(error)) from error


class _Passing(Exception):
    """A pull failed that may go well the next time."""

    def __init__(self, message: str, reference: str | None) -> None:
        super().__init__(message)
        self.reference = reference


def _sorted(message: str, reference: str) -> Exception:
    refused = _REFUSALS.search(message) and not _UNREACHABLE.search(message)
    return CannotPull(message) if refused else _Passing(message, reference)
