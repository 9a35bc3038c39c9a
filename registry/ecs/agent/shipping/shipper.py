"""All containers of an agent whose output goes to CloudWatch Logs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.ecs.agent.shipping.following import Following
from registry.ecs.agent.shipping.journal import Followed, Journal
from registry.ecs.agent.shipping.lines import Joiner
from registry.ecs.agent.shipping.marks import Mark
from registry.ecs.agent.shipping.options import LoggingRefused, Options, options_of
from registry.ecs.agent.shipping.output import EngineOutput, Output
from registry.ecs.agent.shipping.sending import Sending, make_stream

if TYPE_CHECKING:
    import docker
    from types_boto3_logs.client import CloudWatchLogsClient

    from registry.ecs.protocol import RoleCredentials

    ClientOf = Callable[[RoleCredentials | None, str | None], CloudWatchLogsClient]
    """A client with these credentials, in that region; None: the server's own."""

_log = logging.getLogger("moorage.ecs.logs")


class LogShipper:
    """Carries output away, each line once.

    Killed at any moment it goes on from where it was: no line is lost as long as the engine has
    it, and none comes twice but those of the one batch whose arrival it could not write down.
    Safe for threads.
    """

    def __init__(
        self,
        engine: Callable[[], docker.APIClient],
        folder: Path,
        client_of: ClientOf,
        *,
        output: Output | None = None,
    ) -> None:
        """`engine` makes clients of the engine; `folder` is for what is to outlive the process."""
        self._output = EngineOutput(engine) if output is None else output
        self._journal = Journal(folder)
        self._client_of = client_of
        self._lock = threading.Lock()
        self._following: dict[str, Following] = {}
        self._known: dict[str, Followed] = {}

    def follow(
        self,
        task_arn: str,
        container_name: str,
        runtime_id: str,
        options: Mapping[str, str],
        credentials: RoleCredentials | None,
    ) -> None:
        """Carry a container's output from now on; followed already, it is looked at anew.

        To be called before the container starts, and before each further start of it. Raises
        LoggingRefused: then the container is not to start.
        """
        found = _options(task_arn, container_name, runtime_id, options)
        with self._lock:
            if (there := self._following.get(runtime_id)) is not None:
                self._renew(runtime_id, credentials)
                there.wake()
                return
        make_stream(self._client(credentials, found), found)
        known = self._journal.find(runtime_id)
        followed = Followed(runtime_id, task_arn, container_name, dict(options), credentials)
        if known is not None:
            followed = followed.at(known.marks)
        with self._lock:
            self._journal.keep(followed)
            self._begin(followed, found)

    def refresh(self, task_arn: str, credentials: RoleCredentials) -> None:
        """Newer credentials of a task's execution role."""
        with self._lock:
            for runtime_id in list(self._journal.all()):
                known = self._known.get(runtime_id) or self._journal.find(runtime_id)
                if known is not None and known.task_arn == task_arn:
                    self._known[runtime_id] = known
                    self._renew(runtime_id, credentials)

    def finish(self, runtime_id: str, timeout: float) -> bool:
        """A container has stopped for good: send the rest within `timeout` seconds.

        Whether all of it was sent; in any case it is forgotten.
        """
        with self._lock:
            if runtime_id not in self._following and (
                (known := self._journal.find(runtime_id)) is not None
            ):
                options = _options(known.task_arn, known.container, runtime_id, known.options)
                self._begin(known, options)
            following = self._following.get(runtime_id)
        whole = True
        if following is not None:
            whole = following.finish(timeout)
            following.close()
            if not whole:
                _log.warning("not all output of container %s was sent", runtime_id[:12])
        with self._lock:
            self._following.pop(runtime_id, None)
            self._known.pop(runtime_id, None)
            self._journal.forget(runtime_id)
        return whole

    def close(self) -> None:
        """Stop. Whoever comes next goes on."""
        with self._lock:
            following, self._following = list(self._following.values()), {}
        for each in following:
            each.close()
        if isinstance(self._output, EngineOutput):
            self._output.close()

    def _begin(self, followed: Followed, options: Options) -> None:
        runtime_id = followed.runtime_id
        self._known[runtime_id] = followed

        def client() -> CloudWatchLogsClient:
            return self._client(self._known[runtime_id].credentials, options)

        following = Following(
            followed,
            self._output,
            Joiner(options.begins),
            lambda stop: Sending(client, options, stop),
            lambda marks: self._sent(runtime_id, marks),
        )
        self._following[runtime_id] = following
        following.start()

    def _client(
        self, credentials: RoleCredentials | None, options: Options
    ) -> CloudWatchLogsClient:
        return self._client_of(credentials, options.region)

    def _sent(self, runtime_id: str, marks: Mapping[str, Mark]) -> None:
        with self._lock:
            known = self._known.get(runtime_id)
            if known is not None:
                self._known[runtime_id] = known.at(marks)
                self._journal.keep(self._known[runtime_id])

    def _renew(self, runtime_id: str, credentials: RoleCredentials | None) -> None:
        known = self._known.get(runtime_id)
        if known is not None and known.credentials != credentials:
            self._known[runtime_id] = replace(known, credentials=credentials)
            self._journal.keep(self._known[runtime_id])


def _options(task_arn: str, container: str, runtime_id: str, given: Mapping[str, str]) -> Options:
    task_id = task_arn.rpartition("/")[2]
    return options_of(given, container=container, task_id=task_id, runtime_id=runtime_id)


__all__ = ["LogShipper", "LoggingRefused"]
