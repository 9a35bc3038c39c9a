"""Who may do what to which group."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.application import ACCOUNT, REGION, Registry, allow
from tests.identities import aws
from tests.logs.calls import now, put, refusal, said
from tests.logs.conftest import GROUP, STREAM

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"


def test_a_policy_on_a_group_is_of_its_streams(
    registry: Registry, logs: Any, stream: dict[str, str]
) -> None:
    writer = allow("logs:CreateLogStream", "logs:PutLogEvents", resource=f"{ARN}:*")
    theirs = aws(registry, "logs", registry.user("writer", writer))
    put(theirs, stream, now(), ["hello"])
    theirs.create_log_stream(logGroupName=GROUP, logStreamName="another")
    code, message = refusal(theirs.get_log_events, **stream)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: logs:GetLogEvents on resource: {ARN}:log-stream:" in (
        message
    )
    logs.create_log_group(logGroupName="/ecs/other")
    other = {"logGroupName": "/ecs/other", "logStreamName": "x"}
    code, message = refusal(theirs.create_log_stream, **other)
    assert code == "AccessDeniedException"
    assert "log-group:/ecs/other:log-stream:x " in message


@pytest.mark.parametrize(
    ("call", "parameters", "resource"),
    [
        ("create_log_group", {"logGroupName": "n"}, "log-group:n:log-stream:"),
        ("describe_log_groups", {}, "log-group::log-stream:"),
        ("describe_log_streams", {"logGroupName": "n"}, "log-group:n:log-stream:"),
        ("filter_log_events", {"logGroupIdentifier": "n"}, "log-group:n:log-stream:"),
        ("tag_log_group", {"logGroupName": "n", "tags": {"a": "b"}}, "log-group:n"),
    ],
)
def test_the_resources_of_operations(
    registry: Registry, call: str, parameters: dict[str, Any], resource: str
) -> None:
    theirs = aws(registry, "logs", registry.user("nobody"))
    code, message = refusal(getattr(theirs, call), **parameters)
    assert code == "AccessDeniedException"
    assert f":{resource} " in message


def test_tags_decide(registry: Registry, logs: Any, stream: dict[str, str]) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "logs:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "pay"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs = aws(registry, "logs", registry.user("payer", policy))
    assert refusal(theirs.get_log_events, **stream)[0] == "AccessDeniedException"
    logs.tag_log_group(logGroupName=GROUP, tags={"team": "pay"})
    assert said(theirs.get_log_events(**stream)) == []


def test_tags_of_a_request_decide(registry: Registry) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "logs:CreateLogGroup",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestTag/team": "pay"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs = aws(registry, "logs", registry.user("maker", policy))
    assert refusal(theirs.create_log_group, logGroupName=GROUP)[0] == "AccessDeniedException"
    theirs.create_log_group(logGroupName=GROUP, tags={"team": "pay"})
    code, _ = refusal(theirs.create_log_stream, logGroupName=GROUP, logStreamName=STREAM)
    assert code == "AccessDeniedException"
