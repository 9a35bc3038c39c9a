from __future__ import annotations

from typing import Any

import pytest

from registry.domain.logs.groups import RETENTIONS
from tests.application import ACCOUNT, REGION, Registry
from tests.identities import OTHER, aws
from tests.logs.calls import now, put, refusal, said
from tests.logs.conftest import GROUP, STREAM

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"


def names(answer: Any) -> list[str]:
    return [each["logGroupName"] for each in answer["logGroups"]]


def test_a_group_is_described_as_aws_does(logs: Any) -> None:
    before = now()
    logs.create_log_group(logGroupName=GROUP, tags={"team": "pay"})
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/ecs")["logGroups"]
    assert before <= group.pop("creationTime") <= now()
    assert group == {
        "logGroupName": GROUP,
        "metricFilterCount": 0,
        "arn": f"{ARN}:*",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": ARN,
        "deletionProtectionEnabled": False,
    }


def test_what_is_there_or_not(logs: Any, stream: dict[str, str]) -> None:
    exists = "ResourceAlreadyExistsException"
    group = (exists, "The specified log group already exists")
    assert refusal(logs.create_log_group, logGroupName=GROUP) == group
    assert refusal(logs.create_log_stream, **stream) == (
        exists,
        "The specified log stream already exists",
    )
    missing = ("ResourceNotFoundException", "The specified log group does not exist.")
    for call in (logs.delete_log_group, logs.delete_retention_policy, logs.describe_log_streams):
        assert refusal(call, logGroupName="none") == missing
    assert refusal(logs.put_retention_policy, logGroupName="none", retentionInDays=1) == missing
    assert refusal(logs.create_log_stream, **stream | {"logGroupName": "none"}) == missing
    nothing = ("ResourceNotFoundException", "The specified log stream does not exist.")
    other = stream | {"logStreamName": "none"}
    assert refusal(logs.get_log_events, **other) == nothing
    assert refusal(logs.delete_log_stream, **other) == nothing
    assert refusal(logs.put_log_events, **other, logEvents=[{"timestamp": 1, "message": "x"}]) == (
        nothing
    )


def test_constraints_of_the_model_are_told_in_the_words_of_the_service(logs: Any) -> None:
    code, message = refusal(logs.create_log_group, logGroupName="a b")
    assert code == "InvalidParameterException"
    assert message.startswith(
        "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint:"
        " Member must satisfy regular expression pattern:"
    )
    assert refusal(logs.create_log_group, logGroupName="aws/x")[0] == "InvalidParameterException"


def test_groups_come_in_pages_by_name(logs: Any) -> None:
    for name in ("b", "a/2", "a/1", "c"):
        logs.create_log_group(logGroupName=name)
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [names(page) for page in pages] == [["a/1", "a/2"], ["b", "c"]]
    assert names(logs.describe_log_groups(logGroupNamePrefix="a/")) == ["a/1", "a/2"]
    assert names(logs.describe_log_groups(logGroupNamePattern="/2")) == ["a/2"]
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:b"
    assert names(logs.describe_log_groups(logGroupIdentifiers=[arn, "c"])) == ["b", "c"]
    assert refusal(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="b") == (
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    )
    assert refusal(logs.describe_log_groups, nextToken="x")[0] == "InvalidParameterException"


def test_accounts_have_groups_of_their_own(registry: Registry, logs: Any) -> None:
    logs.create_log_group(logGroupName=GROUP)
    everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", '
    everything += '"Resource": "*"}]}'
    theirs = aws(registry, "logs", registry.user("mallory", everything, account=OTHER))
    assert names(theirs.describe_log_groups()) == []
    assert refusal(theirs.delete_log_group, logGroupName=GROUP)[0] == "ResourceNotFoundException"
    assert refusal(theirs.list_tags_for_resource, resourceArn=ARN)[0] == "AccessDeniedException"
    code, _ = refusal(theirs.filter_log_events, logGroupIdentifier=ARN)
    assert code == "AccessDeniedException"


@pytest.mark.parametrize(
    "arn", ["arn:aws:logs:eu-west-1:123456789012:log-group:x", "arn:aws:s3:::x"]
)
def test_other_arns_are_refused(logs: Any, arn: str) -> None:
    assert refusal(logs.list_tags_for_resource, resourceArn=arn)[0] == "InvalidParameterException"


def test_retention(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    day = 86_400_000
    put(logs, stream, moment - 2 * day, ["old"])
    put(logs, stream, moment, ["new"])
    for days in RETENTIONS:
        logs.put_retention_policy(logGroupName=GROUP, retentionInDays=days)
        assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == days
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    assert said(logs.get_log_events(**stream)) == ["new"]
    answer = put(logs, stream, moment - 2 * day, ["old"])
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert said(logs.filter_log_events(logGroupName=GROUP)) == ["new"]
    logs.delete_retention_policy(logGroupName=GROUP)
    assert said(logs.get_log_events(**stream)) == ["old", "new"]
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    code, message = refusal(logs.put_retention_policy, logGroupName=GROUP, retentionInDays=2)
    assert code == "InvalidParameterException"
    assert "at 'retentionInDays' failed to satisfy constraint" in message


def test_a_protected_group_stays(logs: Any) -> None:
    logs.create_log_group(logGroupName=GROUP, deletionProtectionEnabled=True)
    code, message = refusal(logs.delete_log_group, logGroupName=GROUP)
    assert code == "InvalidParameterException"
    assert "deletion protection" in message
    protect = logs.put_log_group_deletion_protection
    protect(logGroupIdentifier=ARN, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=GROUP)
    assert names(logs.describe_log_groups()) == []


def test_a_deleted_group_leaves_nothing_to_a_later_one(logs: Any, stream: dict[str, str]) -> None:
    put(logs, stream, now(), ["secret"])
    logs.delete_log_group(logGroupName=GROUP)
    logs.create_log_group(logGroupName=GROUP)
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []
    logs.create_log_stream(**stream)
    assert said(logs.filter_log_events(logGroupName=GROUP)) == []
    assert said(logs.get_log_events(**stream)) == []


def test_tags_in_both_forms(logs: Any) -> None:
    logs.create_log_group(logGroupName=GROUP, tags={"a": "1"})
    logs.tag_resource(resourceArn=ARN, tags={"b": "2"})
    logs.tag_log_group(logGroupName=GROUP, tags={"c": "3"})
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {"a": "1", "b": "2", "c": "3"}
    logs.untag_resource(resourceArn=ARN, tagKeys=["a"])
    logs.untag_log_group(logGroupName=GROUP, tags=["b"])
    assert logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"c": "3"}
    many = {f"k{number}": "" for number in range(50)}
    code, _ = refusal(logs.tag_resource, resourceArn=ARN, tags=many)
    assert code == "TooManyTagsException"


def test_streams_by_name_and_by_time(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    for name in ("b", "a"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
    put(logs, stream | {"logStreamName": "a"}, moment, ["x"])
    put(logs, stream | {"logStreamName": "b"}, moment - 1000, ["x", "y"])

    def listed(**options: Any) -> list[str]:
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, PaginationConfig={"PageSize": 1}, **options
        )
        return [each["logStreamName"] for page in pages for each in page["logStreams"]]

    assert listed() == ["a", "b", STREAM]
    assert listed(descending=True) == [STREAM, "b", "a"]
    assert listed(logStreamNamePrefix="web/") == [STREAM]
    assert listed(orderBy="LastEventTime", descending=True) == ["a", "b", STREAM]
    assert listed(orderBy="LastEventTime") == [STREAM, "b", "a"]
    by_arn = logs.describe_log_streams(logGroupIdentifier=ARN, logStreamNamePrefix="b")
    (found,) = by_arn["logStreams"]
    assert found["firstEventTimestamp"] == moment - 1000
    assert found["lastEventTimestamp"] == moment - 999
    assert found["arn"] == f"{ARN}:log-stream:b"
    assert refusal(
        logs.describe_log_streams,
        logGroupName=GROUP,
        orderBy="LastEventTime",
        logStreamNamePrefix="a",
    ) == (
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )
    both = {"logGroupName": GROUP, "logGroupIdentifier": ARN}
    assert refusal(logs.describe_log_streams, **both)[0] == "InvalidParameterException"


def test_a_group_under_a_key_is_closed_while_the_key_is_disabled(
    registry: Registry, logs: Any
) -> None:
    kms = aws(registry, "kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    stream = {"logGroupName": GROUP, "logStreamName": STREAM}
    logs.create_log_group(logGroupName=GROUP, kmsKeyId=key)
    logs.create_log_stream(**stream)
    put(logs, stream, now(), ["hello"])
    assert logs.describe_log_groups()["logGroups"][0]["kmsKeyId"] == key
    kms.disable_key(KeyId=key)
    assert refusal(logs.get_log_events, **stream)[0] == "InvalidParameterException"
    kms.enable_key(KeyId=key)
    assert said(logs.get_log_events(**stream)) == ["hello"]
    code, message = refusal(logs.create_log_group, logGroupName="x", kmsKeyId=key + "0")
    assert code == "InvalidParameterException"
    assert message.startswith("The specified KMS key does not exist or is not allowed")


def test_nothing_of_an_event_lies_in_clear(
    registry: Registry, logs: Any, stream: dict[str, str]
) -> None:
    put(logs, stream, now(), ["a very secret line"])
    written = b"".join(
        path.read_bytes() for path in registry.settings.data.glob("logs.db*") if path.is_file()
    )
    assert GROUP.encode() in written
    assert b"secret" not in written
