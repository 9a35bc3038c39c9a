from __future__ import annotations

import sys
from typing import Any

import pytest

from registry.domain.logs.writing import BATCH_MAX
from tests.logs.calls import now, put, refusal, said
from tests.logs.conftest import GROUP

HOUR = 3_600_000


def test_a_page_in_either_direction_and_back(logs: Any, stream: dict[str, str]) -> None:
    put(logs, stream, now(), [str(number) for number in range(10)])
    last = logs.get_log_events(**stream, limit=3)
    assert said(last) == ["7", "8", "9"]
    before = logs.get_log_events(**stream, limit=3, nextToken=last["nextBackwardToken"])
    assert said(before) == ["4", "5", "6"]
    again = logs.get_log_events(**stream, limit=3, nextToken=before["nextForwardToken"])
    assert said(again) == ["7", "8", "9"]
    first = logs.get_log_events(**stream, limit=3, startFromHead=True)
    assert said(first) == ["0", "1", "2"]


def test_at_the_end_a_token_comes_back_and_goes_on_later(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    put(logs, stream, moment, ["a", "b"])
    token = logs.get_log_events(**stream, startFromHead=True)["nextForwardToken"]
    end = logs.get_log_events(**stream, startFromHead=True, nextToken=token)
    assert (end["events"], end["nextForwardToken"]) == ([], token)
    back = logs.get_log_events(**stream, nextToken=end["nextBackwardToken"])
    assert said(back) == ["a", "b"]
    begin = logs.get_log_events(**stream, nextToken=back["nextBackwardToken"])
    assert (begin["events"], begin["nextBackwardToken"]) == ([], back["nextBackwardToken"])
    put(logs, stream, moment + 1, ["c"])  # at the time of what was seen last
    assert said(logs.get_log_events(**stream, startFromHead=True, nextToken=token)) == ["c"]


def test_an_empty_stream_gives_a_token_from_which_to_follow(
    logs: Any, stream: dict[str, str]
) -> None:
    answer = logs.get_log_events(**stream, startFromHead=True)
    assert answer["events"] == []
    put(logs, stream, now(), ["first"])
    token = answer["nextForwardToken"]
    assert said(logs.get_log_events(**stream, startFromHead=True, nextToken=token)) == ["first"]


@pytest.mark.parametrize("token", ["x", "f/1/s", f"f/{'9' * 56}/s"])
def test_a_token_that_is_none(logs: Any, stream: dict[str, str], token: str) -> None:
    invalid = ("InvalidParameterException", "The specified nextToken is invalid.")
    assert refusal(logs.get_log_events, **stream, nextToken=token) == invalid


def test_times_bound_what_is_found(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    put(logs, stream, moment, ["a", "b", "c", "d"])
    bounds = {"startTime": moment + 1, "endTime": moment + 3}
    assert said(logs.get_log_events(**stream, **bounds)) == ["b", "c"]
    # GetLogEvents leaves the end out, FilterLogEvents does not.
    assert said(logs.filter_log_events(logGroupName=GROUP, **bounds)) == ["b", "c", "d"]
    far = {"startTime": 2**63 - 1, "endTime": 2**63 - 1}
    assert said(logs.get_log_events(**stream, **far)) == []
    assert said(logs.filter_log_events(logGroupName=GROUP, **far)) == []


def test_a_batch_out_of_order_is_refused_whole(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    events = [{"timestamp": moment, "message": "a"}, {"timestamp": moment - 1, "message": "b"}]
    assert refusal(logs.put_log_events, **stream, logEvents=events) == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    assert said(logs.get_log_events(**stream)) == []


def test_a_batch_is_bounded_in_time_and_size(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    events = [
        {"timestamp": moment - 24 * HOUR - 1, "message": "a"},
        {"timestamp": moment, "message": "b"},
    ]
    assert refusal(logs.put_log_events, **stream, logEvents=events) == (
        "InvalidParameterException",
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    )
    most = {"timestamp": moment, "message": "x" * (BATCH_MAX - 26)}
    logs.put_log_events(**stream, logEvents=[most])
    assert said(logs.get_log_events(**stream)) == [most["message"]]
    two = [{"timestamp": moment, "message": "x" * (BATCH_MAX // 2 - 26)}] * 2
    logs.put_log_events(**stream, logEvents=two)
    code, message = refusal(
        logs.put_log_events, **stream, logEvents=[*two, {"timestamp": moment, "message": "y"}]
    )
    assert code == "InvalidParameterException"
    assert message == f"Upload too large: {BATCH_MAX + 27} bytes exceeds limit of {BATCH_MAX}"
    longer = {"timestamp": moment, "message": "é" * (BATCH_MAX // 2)}
    _, message = refusal(logs.put_log_events, **stream, logEvents=[longer])
    assert message.startswith("Log event too large: ")


def test_what_is_too_old_or_too_new_is_rejected_and_the_rest_kept(
    logs: Any, stream: dict[str, str]
) -> None:
    moment = now()
    minute = 60_000
    times = [moment - 15 * 24 * HOUR, moment, moment + HOUR, moment + 2 * HOUR + minute]
    events = [{"timestamp": each, "message": str(i)} for i, each in enumerate(times)]
    answer = logs.put_log_events(**stream, logEvents=events, sequenceToken="any")
    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "tooNewLogEventStartIndex": 3,
    }
    assert said(logs.get_log_events(**stream)) == ["1", "2"]
    assert "rejectedLogEventsInfo" not in put(logs, stream, moment, ["x"])


def test_stored_bytes_are_those_of_the_messages_and_26_for_each(
    logs: Any, stream: dict[str, str]
) -> None:
    put(logs, stream, now(), ["abc", "é"])
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["storedBytes"] == 3 + 2 + 2 * 26


def test_pages_hold_a_mebibyte(logs: Any, stream: dict[str, str]) -> None:
    moment = now()
    large = "x" * 400_000
    for _ in range(2):
        put(logs, stream, moment, [large, large])
    pages = []
    token = None
    for _ in range(5):
        options: dict[str, str] = {} if token is None else {"nextToken": token}
        page = logs.get_log_events(**stream, startFromHead=True, **options)
        pages.append(len(page["events"]))
        token = page["nextForwardToken"]
    assert pages == [2, 2, 0, 0, 0]


def test_a_search_goes_over_all_streams_in_the_order_of_time(
    logs: Any, stream: dict[str, str]
) -> None:
    moment = now()
    other = stream | {"logStreamName": "web/app/2"}
    logs.create_log_stream(**other)
    put(logs, stream, moment, ["a ERROR", "b", "c ERROR"])
    put(logs, other, moment + 1, ["d ERROR", "e"])
    search = {"logGroupName": GROUP, "filterPattern": "ERROR"}
    found = logs.filter_log_events(**search)
    assert said(found) == ["a ERROR", "d ERROR", "c ERROR"]
    assert [each["logStreamName"][-1] for each in found["events"]] == ["1", "2", "1"]
    assert len({each["eventId"] for each in found["events"]}) == 3
    assert found["searchedLogStreams"] == []
    assert "nextToken" not in found
    assert said(logs.filter_log_events(**search, startFromHead=False)) == said(found)[::-1]
    named = logs.filter_log_events(**search, logStreamNames=["web/app/2", "web/app/2"])
    assert said(named) == ["d ERROR"]
    both = logs.filter_log_events(**search, logStreamNames=["web/app/1", "web/app/2"])
    assert said(both) == said(found)
    assert said(logs.filter_log_events(**search, logStreamNamePrefix="web/app/1")) == [
        "a ERROR",
        "c ERROR",
    ]
    code, _ = refusal(
        logs.filter_log_events, **search, logStreamNames=["web/app/2"], logStreamNamePrefix="w"
    )
    assert code == "InvalidParameterException"
    code, _ = refusal(logs.filter_log_events, **search, logStreamNames=["none"])
    assert code == "ResourceNotFoundException"
    logs.delete_log_stream(**other)
    assert said(logs.filter_log_events(**search)) == ["a ERROR", "c ERROR"]


@pytest.mark.parametrize("head", [True, False])
def test_a_search_in_pages_finds_each_event_once(
    logs: Any, stream: dict[str, str], *, head: bool
) -> None:
    moment = now()
    put(logs, stream, moment, [str(number) for number in range(25)])
    options = {"logGroupName": GROUP, "startFromHead": head}
    pages = logs.get_paginator("filter_log_events").paginate(
        **options, PaginationConfig={"PageSize": 10}
    )
    found = [said(page) for page in pages]
    assert [len(page) for page in found] == [10, 10, 5]
    every = [text for page in found for text in page]
    assert every == [str(number) for number in (range(25) if head else reversed(range(25)))]
    token = logs.filter_log_events(**options, limit=1)["nextToken"]
    code, _ = refusal(logs.filter_log_events, **options, nextToken=token, filterPattern="x")
    assert code == "InvalidParameterException"


def test_a_long_search_ends_its_page_before_it_has_found_much(
    logs: Any, stream: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.domain.logs.reading.SCANNED_MAX", 200_000)
    moment = now()
    put(logs, stream, moment, ["x" * 10_000] * 60 + ["needle"])
    search = {"logGroupName": GROUP, "filterPattern": "needle"}
    first = logs.filter_log_events(**search)
    assert first["events"] == []
    assert "nextToken" in first
    pages = list(logs.get_paginator("filter_log_events").paginate(**search))
    assert 2 < len(pages) < 10
    assert [text for page in pages for text in said(page)] == ["needle"]


def test_a_pattern_out_of_the_syntax(logs: Any, stream: dict[str, str]) -> None:
    del stream
    assert refusal(logs.filter_log_events, logGroupName=GROUP, filterPattern="a:b") == (
        "InvalidParameterException",
        "Invalid character(s) in term 'a:b'",
    )


def test_any_text_comes_back_as_it_went(logs: Any, stream: dict[str, str]) -> None:
    texts = ["\x00", "\t\n\r", "😀", "\ufeff", "a" * 70_000, '"\\'] + [" "] * 3
    put(logs, stream, now(), texts)
    assert said(logs.get_log_events(**stream)) == texts


def test_following_as_the_command_line_does_sees_each_event_once(
    logs: Any, stream: dict[str, str]
) -> None:
    """The loop of `aws logs tail --follow`: from the latest time on, without what was seen."""
    moment = now()
    start, seen, shown = moment, set(), []
    for turn in range(4):
        put(logs, stream, moment + turn * 2, [f"{turn}-{number}" for number in range(3)])
        answer = logs.filter_log_events(logGroupName=GROUP, startTime=start, interleaved=True)
        for event in answer["events"]:
            start = max(start, event["timestamp"])
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                shown.append(event["message"])
    assert sorted(shown) == [f"{turn}-{number}" for turn in range(4) for number in range(3)]


def test_the_page_of_a_stream_needs_no_more_than_its_own_blocks(
    logs: Any, stream: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["registry.domain.logs.reading"]
    opened = []
    true = module.unseal

    def counting(*arguments: Any) -> Any:
        opened.append(arguments)
        return true(*arguments)

    moment = now()
    for turn in range(30):
        put(logs, stream, moment - (30 - turn) * 1000, ["x" * 60_000] * 2)
    monkeypatch.setattr(module, "unseal", counting)
    assert len(said(logs.get_log_events(**stream, limit=2))) == 2
    assert 2 <= len(opened) < 6
