"""The AWS CLI, as somebody uses it who writes a log and looks through it."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import Program
from tests.logs.calls import now
from tests.server_process import ServerProcess

pytestmark = pytest.mark.clients


def test_a_log_from_its_making_to_its_end(server: ServerProcess) -> None:
    program = Program(Path(sys.executable).with_name("aws"), server.aws_environment())

    def logs(operation: str, *options: str) -> Any:
        text = program("logs", operation, "--output", "json", *options)
        return json.loads(text) if text.strip() else None

    group = ("--log-group-name", f"/cli/{uuid.uuid4().hex}")
    stream = (*group, "--log-stream-name", "one")
    logs("create-log-group", *group, "--tags", "a=b")
    logs("put-retention-policy", *group, "--retention-in-days", "7")
    logs("create-log-stream", *stream)
    moment = now()
    events = [{"timestamp": moment, "message": text} for text in ("ERROR one", "two")]
    logs("put-log-events", *stream, "--log-events", json.dumps(events))
    assert [each["message"] for each in logs("get-log-events", *stream)["events"]] == [
        "ERROR one",
        "two",
    ]
    found = logs("filter-log-events", *group, "--filter-pattern", "ERROR")
    assert [each["message"] for each in found["events"]] == ["ERROR one"]
    described = logs("describe-log-groups", "--log-group-name-prefix", group[1])["logGroups"][0]
    assert described["retentionInDays"] == 7
    assert logs("list-tags-for-resource", "--resource-arn", described["logGroupArn"]) == {
        "tags": {"a": "b"}
    }
    logs("delete-log-group", *group)
