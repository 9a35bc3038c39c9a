"""Making a log stream, and sending events to it until they are taken.

Source: moby, `daemon/logger/awslogs/cloudwatchlogs.go`, for the words of its errors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from registry.ecs.agent.shipping.batches import batches, document
from registry.ecs.agent.shipping.lines import Event
from registry.ecs.agent.shipping.options import LoggingRefused, Options

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient

_log = logging.getLogger("moorage.ecs.logs")

EXISTS, MISSING = "ResourceAlreadyExistsException", "ResourceNotFoundException"
_HOPELESS = frozenset(
    {"InvalidParameterException", "ValidationException", "SerializationException"}
)
"""Sent again, the same events would be refused again."""
_WAIT_MAX = 30.0

Client = Callable[[], "CloudWatchLogsClient"]
"""A client with the newest credentials."""


def make_stream(client: CloudWatchLogsClient, options: Options) -> None:
    """Make the stream, and its group where the options say so, unless they are there.

    Raises LoggingRefused, in the driver's words.
    """
    names = {"logGroupName": options.group, "logStreamName": options.stream}
    try:
        _make("stream", lambda: client.create_log_stream(**names))
    except _Missing as error:
        if not options.create_group:
            raise LoggingRefused(str(error)) from None
    else:
        return
    try:
        _make("group", lambda: client.create_log_group(logGroupName=options.group))
        _make("stream", lambda: client.create_log_stream(**names))
    except _Missing as error:
        raise LoggingRefused(str(error)) from None


class _Missing(Exception):
    """There is no such group."""


def _make(what: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        text = f"failed to create Cloudwatch log {what}: {code}: {message}"
        if code == EXISTS:
            return
        raise (_Missing if code == MISSING else LoggingRefused)(text) from None
    except BotoCoreError as error:
        reason = f"failed to create Cloudwatch log {what}: {error}"
        raise LoggingRefused(reason) from None


class Sending:
    """Sends the events of one container."""

    def __init__(self, client: Client, options: Options, stop: threading.Event) -> None:
        """`stop` ends every wait: what was not sent then is not."""
        self._client = client
        self._options = options
        self._stop = stop

    def send(self, events: Sequence[Event], sent: Callable[[Sequence[Event]], None]) -> bool:
        """Send all, batch by batch, and tell `sent` of each; False if it was stopped."""
        for batch in batches(events):
            listed = document(batch)
            if listed and not self._put(listed):
                return False
            sent(batch)
        return True

    def _put(self, listed: list[dict[str, str | int]]) -> bool:
        wait = 0.5
        while not self._stop.is_set():
            try:
                self._once(listed)
            except ClientError as error:
                if error.response["Error"]["Code"] in _HOPELESS:
                    _log.warning("%s refuses events: %s", self._options.group, error)
                    return True
                _log.warning("%s does not take events yet: %s", self._options.group, error)
                self._mend(error)
            except (BotoCoreError, LoggingRefused) as error:
                _log.warning("%s does not take events yet: %s", self._options.group, error)
            else:
                return True
            self._stop.wait(wait)
            wait = min(wait * 2, _WAIT_MAX)
        return False

    def _once(self, listed: list[dict[str, str | int]]) -> None:
        where = {"logGroupName": self._options.group, "logStreamName": self._options.stream}
        put: Callable[..., Any] = self._client().put_log_events
        answer = put(**where, logEvents=listed)
        if rejected := answer.get("rejectedLogEventsInfo"):
            _log.warning("%s rejects events: %s", self._options.group, rejected)

    def _mend(self, error: ClientError) -> None:
        """A group or a stream that was deleted is made again, where that is allowed."""
        if error.response["Error"]["Code"] != MISSING:
            return
        try:
            make_stream(self._client(), self._options)
        except LoggingRefused as refused:
            _log.warning("%s", refused.reason)
