"""The options of `awslogs`.

Source: Docker documentation, "Amazon CloudWatch Logs logging driver"; Amazon ECS Developer
Guide, "Send Amazon ECS logs to CloudWatch" (`awslogs-stream-prefix`: the stream is
`prefix/container/task-id`; without it, the container's id).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry.ecs.agent.shipping.multiline import Begins, by_datetime, by_pattern

GROUP, REGION, PREFIX = "awslogs-group", "awslogs-region", "awslogs-stream-prefix"
STREAM, CREATE, FORMAT = "awslogs-stream", "awslogs-create-group", "awslogs-datetime-format"
PATTERN, MODE, BUFFER = "awslogs-multiline-pattern", "mode", "max-buffer-size"
KNOWN = (GROUP, REGION, PREFIX, STREAM, CREATE, FORMAT, PATTERN, MODE, BUFFER)
_MODES = ("", "blocking", "non-blocking")
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?\s?[kmgtpKMGTP]?i?[bB]?", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})


class LoggingRefused(Exception):
    """The output of a container cannot be carried away: it is not to start.

    The text is the engine's, as ECS shows it behind `CannotStartContainerError: `.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Error response from daemon: failed to initialize logging driver: {reason}"
        )
        self.reason = reason
        """What went wrong, without what stands before it on EC2; on Fargate ECS says
        `ResourceInitializationError: failed to validate logger args: <reason>`."""


@dataclass(frozen=True, slots=True)
class Options:
    """Where the output of one container goes."""

    group: str
    stream: str
    region: str | None
    """None: the agent's own."""
    create_group: bool
    begins: Begins | None
    """Which lines begin an event, where not every line does."""


def options_of(
    given: Mapping[str, str], *, container: str, task_id: str, runtime_id: str
) -> Options:
    """The options, checked. Raises LoggingRefused."""
    for name in given:
        if name not in KNOWN:
            raise LoggingRefused(f"unknown log opt '{name}' for awslogs log driver")
    if not given.get(GROUP):
        raise LoggingRefused(f"must specify a value for log opt '{GROUP}'")
    if given.get(CREATE, "") not in _TRUE | _FALSE:
        raise LoggingRefused(f"must specify valid value for log opt '{CREATE}': {given[CREATE]}")
    _check_mode(given)
    prefix = given.get(PREFIX)
    stream = f"{prefix}/{container}/{task_id}" if prefix else given.get(STREAM) or runtime_id
    return Options(
        group=given[GROUP],
        stream=stream,
        region=given.get(REGION) or None,
        create_group=given.get(CREATE, "") in _TRUE,
        begins=_begins(given),
    )


def _check_mode(given: Mapping[str, str]) -> None:
    """Neither changes anything: no container waits here for its log."""
    mode = given.get(MODE, "")
    if mode not in _MODES:
        raise LoggingRefused(f"logger: logging mode not supported: {mode}")
    if BUFFER in given and mode != "non-blocking":
        raise LoggingRefused(f"logger: {BUFFER} option is only supported with 'mode=non-blocking'")
    if BUFFER in given and _SIZE.fullmatch(given[BUFFER]) is None:
        raise LoggingRefused(f"error parsing option {BUFFER}: invalid size: '{given[BUFFER]}'")


def _begins(given: Mapping[str, str]) -> Begins | None:
    pattern, form = given.get(PATTERN), given.get(FORMAT)
    if pattern and form:
        raise LoggingRefused(
            f"you cannot configure log opt '{FORMAT}' and '{PATTERN}' at the same time"
        )
    try:
        if pattern:
            return by_pattern(pattern)
        return by_datetime(form) if form else None
    except ValueError as error:
        raise LoggingRefused(
            f"awslogs could not parse multiline pattern key {(pattern or form)!r}: {error}"
        ) from None
