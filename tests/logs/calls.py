"""What the tests of CloudWatch Logs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that a call gets."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def now() -> int:
    return int(time.time() * 1000)


def put(logs: Any, stream: dict[str, str], start: int, messages: Sequence[str]) -> Any:
    """Events, a millisecond apart."""
    events = [{"timestamp": start + i, "message": text} for i, text in enumerate(messages)]
    return logs.put_log_events(**stream, logEvents=events)


def said(answer: Any) -> list[str]:
    return [each["message"] for each in answer["events"]]
