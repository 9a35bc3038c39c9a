"""A container's output and state, as the engine tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from docker.errors import DockerException, NotFound
from docker.types import CancellableStream
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from registry.ecs.agent.shipping.entries import Cut, Entry, framed, raw, since

if TYPE_CHECKING:
    import docker

CONNECT_SECONDS = 10.0
FAILURES = (DockerException, RequestException, HTTPError, OSError, Cut, ValueError)
"""What can come of a stream: a ValueError is urllib3's word for one that was closed."""


@dataclass(frozen=True, slots=True)
class State:
    """How a container is."""

    status: str
    """created, running, paused, restarting, removing, exited or dead."""
    started_at: str
    """Of its newest run."""
    tty: bool

    @property
    def runs(self) -> bool:
        """Whether more output may come."""
        return self.status in ("running", "paused", "restarting")


class Told(Protocol):
    """Output as it comes."""

    def __iter__(self) -> Iterator[Entry]:
        """The entries; raises one of `FAILURES`."""
        ...

    def close(self) -> None:
        """End it, from any thread."""
        ...


class Output(Protocol):
    """What is asked of an engine."""

    def state(self, runtime_id: str) -> State | None:
        """How the container is; None if it is not there. Raises one of `FAILURES`."""
        ...

    def tell(self, runtime_id: str, state: State, at: str | None) -> Told:
        """Its output from a time on, and as long as it runs. Raises one of `FAILURES`."""
        ...


class EngineOutput:
    """The real engine's."""

    def __init__(self, engine: Callable[[], docker.APIClient]) -> None:
        """`engine` makes a client; each stream has one of its own."""
        self._engine = engine
        self._lock = threading.Lock()
        self._asked: docker.APIClient | None = None

    def state(self, runtime_id: str) -> State | None:
        """How the container is."""
        try:
            shown: dict[str, Any] = self._asking().inspect_container(runtime_id)
        except NotFound:
            return None
        found = shown["State"]
        return State(found["Status"], found["StartedAt"], bool(shown["Config"]["Tty"]))

    def tell(self, runtime_id: str, state: State, at: str | None) -> Told:
        """Its output."""
        return _Stream(self._engine(), runtime_id, tty=state.tty, at=at)

    def close(self) -> None:
        """Let go of the engine."""
        if self._asked is not None:
            self._asked.close()

    def _asking(self) -> docker.APIClient:
        """The client for questions, made when there is one: the engine may not answer yet."""
        with self._lock:
            if self._asked is None:
                self._asked = self._engine()
            return self._asked


class _Stream:
    def __init__(
        self, engine: docker.APIClient, runtime_id: str, *, tty: bool, at: str | None
    ) -> None:
        self._engine = engine
        self._tty = tty
        self._torn = at is not None
        parameters = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 1}
        if at is not None:
            parameters |= {"since": since(at)}  # type: ignore[dict-item]  # a number as a text
        # docker-py's own `logs` does not say which stream a piece is of, and takes whole seconds.
        url = f"{engine.base_url}/v{engine.api_version}/containers/{runtime_id}/logs"
        self._response = engine.get(
            url, params=parameters, stream=True, timeout=(CONNECT_SECONDS, None)
        )
        self._response.raise_for_status()

    def __iter__(self) -> Iterator[Entry]:
        return raw(self._some, torn=self._torn) if self._tty else framed(self._exactly)

    def _exactly(self, size: int) -> bytes:
        gathered = bytearray()
        while len(gathered) < size:
            piece = self._response.raw.read(size - len(gathered))
            if not piece:
                break
            gathered += piece
        return bytes(gathered)

    def _some(self, size: int) -> bytes:
        content: bytes = self._response.raw.read1(size)
        return content

    def close(self) -> None:
        """Shut the connection: a read in another thread ends."""
        stream = CancellableStream(iter(()), self._response)
        with suppress(*FAILURES, AttributeError):
            stream.close()
        self._engine.close()
