"""The Docker Engine, as the agent uses it: few calls, and three kinds of failure.

Source: Docker Engine API v1.41 and newer (docs.docker.com/reference/api/engine).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import CancellableStream

T = TypeVar("T")
CALL_SECONDS = 60
CREATE_SECONDS = 240
"""Container create timeout of amazon-ecs-agent."""
START_SECONDS = 180
PULL_INACTIVITY_SECONDS = 60
EVENT_SECONDS = 3600


class EngineDown(Exception):
    """The engine did not answer; whether it did what was asked is not known."""


class EngineTimeout(Exception):
    """The engine did not answer in time; whether it did what was asked is not known."""


class EngineRefused(Exception):
    """The engine said no. The text is `Error response from daemon: …`, as its clients show it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Error response from daemon: {message}")
        self.status = status
        self.message = message


class EngineMissing(EngineRefused):
    """What was asked about is not there."""


class _Client(docker.APIClient):
    """Where the library would wait for ever, this waits for the client's own time."""

    def _set_request_timeout(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        return kwargs


class Engine:
    """One Docker Engine. Every thread has a connection of its own.

    Methods raise EngineDown, EngineTimeout, EngineRefused and EngineMissing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._lock = threading.Lock()
        self._clients: list[docker.APIClient] = []
        self._version: str | None = None
        self._closed = False

    def call(self, function: Callable[[docker.APIClient], T], seconds: float = CALL_SECONDS) -> T:
        """What `function` makes of a client whose requests end after so many seconds."""
        try:
            return function(self._client(seconds))
        except NotFound as error:
            raise EngineMissing(404, _message(error)) from error
        except APIError as error:
            raise EngineRefused(error.status_code or 500, _message(error)) from error
        except requests.exceptions.ReadTimeout as error:
            raise EngineTimeout(str(error)) from error
        except (requests.exceptions.RequestException, DockerException, OSError) as error:
            raise EngineDown(f"{type(error).__name__}: {error}") from error

    def _raw(self, function: Callable[[Any], Any], seconds: float = CALL_SECONDS) -> Any:
        """The same, for methods that the library's types leave out."""
        return self.call(function, seconds)

    def _client(self, seconds: float) -> docker.APIClient:
        if self._closed:
            raise EngineDown("the agent has been closed")
        clients: dict[float, docker.APIClient] = self._local.__dict__.setdefault("clients", {})
        if seconds not in clients:
            client = _Client(self.url, version=self._version or "auto", timeout=int(seconds))
            self._version = client.api_version
            clients[seconds] = client
            with self._lock:
                self._clients.append(client)
        return clients[seconds]

    def close(self) -> None:
        """Let go of all connections. Asked for anything afterwards, the engine is down."""
        self._closed = True
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()

    def information(self) -> Mapping[str, Any]:
        """`GET /info`."""
        return self.call(lambda client: client.info())

    def version(self) -> Mapping[str, Any]:
        """`GET /version`."""
        return self.call(lambda client: client.version())

    def inspect(self, container: str) -> Mapping[str, Any] | None:
        """A container by name or id, or None."""
        found: dict[str, Any] | None = None
        with contextlib.suppress(EngineMissing):
            found = self.call(lambda client: client.inspect_container(container))
        return found

    def containers(self, *labels: str) -> list[dict[str, Any]]:
        """All containers that carry these labels, running or not."""
        filters = {"label": list(labels)}
        return self.call(lambda client: client.containers(all=True, filters=filters))

    def create(self, name: str, configuration: Mapping[str, Any]) -> str:
        """The id of a new container."""
        created = self._raw(
            lambda client: client.create_container_from_config(dict(configuration), name),
            CREATE_SECONDS,
        )
        return str(created["Id"])

    def start(self, container: str) -> None:
        """Start it; if it runs already, nothing happens."""
        self.call(lambda client: client.start(container), START_SECONDS)

    def connect(self, container: str, network: str) -> None:
        """Join a network; a container that has joined it stays in it."""
        try:
            self.call(lambda client: client.connect_container_to_network(container, network))
        except EngineMissing:
            raise
        except EngineRefused as error:
            if "already exists" not in error.message:
                raise

    def signal(self, container: str, signal: str) -> None:
        """Send a signal; to a container that does not run, nothing happens."""
        try:
            self.call(lambda client: client.kill(container, signal))
        except EngineMissing:
            return
        except EngineRefused as error:
            if error.status != 409 and "is not running" not in error.message:
                raise

    def unpause(self, container: str) -> None:
        """Let a paused container go on."""
        self.call(lambda client: client.unpause(container))

    def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, running or not."""
        with contextlib.suppress(EngineMissing):
            self.call(lambda client: client.remove_container(container, v=True, force=True))

    def image(self, name: str) -> Mapping[str, Any] | None:
        """An image that the engine has, or None."""
        found: dict[str, Any] | None = None
        with contextlib.suppress(EngineMissing):
            found = self._raw(lambda client: client.inspect_image(name))
        return found

    def import_image(
        self, archive: bytes, repository: str, tag: str, changes: Sequence[str]
    ) -> None:
        """Make an image of a root file system."""
        self.call(
            lambda client: client.import_image_from_data(
                archive, repository, tag, changes=list(changes)
            )
        )

    def pull(self, reference: str, authorization: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Pull an image; what the engine says while it does. Without an authorization the
        host's own docker settings are not asked either. Fails when nothing moves for a minute.
        """
        repository, tag = split_reference(reference)
        lines = self.call(
            lambda client: client.pull(
                repository, tag, stream=True, decode=True, auth_config=dict(authorization)
            ),
            PULL_INACTIVITY_SECONDS,
        )
        while True:
            line = self.call(lambda _: next(lines, None), PULL_INACTIVITY_SECONDS)
            if line is None:
                return
            yield line

    def events(self, label: str, kinds: Sequence[str]) -> CancellableStream[dict[str, Any]]:
        """What happens to the containers with a label: an iterator that another thread may
        close, and that ends when the engine goes away."""
        filters = {"type": ["container"], "label": [label], "event": list(kinds)}
        return self.call(lambda c: c.events(decode=True, filters=filters), EVENT_SECONDS)


def split_reference(reference: str) -> tuple[str, str]:
    """An image's repository and its tag or digest; `latest` where it has neither."""
    repository, at, digest = reference.partition("@")
    head, slash, last = repository.rpartition("/")
    name, _, tag = last.partition(":")
    plain = f"{head}{slash}{name}"
    return (plain, digest) if at else (plain, tag or "latest")


def _message(error: APIError) -> str:
    return str(error.explanation or error).strip()
