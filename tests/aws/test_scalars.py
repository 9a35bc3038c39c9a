from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.model import Shape

from registry.aws.errors import RequestError
from registry.aws.scalars import read_json, read_text, write_json, write_text
from registry.aws.shapes import Unfit

MOMENT = datetime(2026, 11, 22, 10, 30, 15, 250_000, UTC)
WHOLE = MOMENT.replace(microsecond=0)


def shape(kind: str, **traits: str) -> Shape:
    return Shape("It", {"type": kind, **traits})


def timestamp(form: str) -> Shape:
    return shape("timestamp", timestampFormat=form)


@pytest.mark.parametrize(
    ("it", "value", "json", "text"),
    [
        (shape("timestamp"), MOMENT, 1795343415.25, "2026-11-22T10:30:15.250000Z"),
        (timestamp("unixTimestamp"), MOMENT, 1795343415.25, "1795343415.25"),
        (
            timestamp("iso8601"),
            MOMENT,
            "2026-11-22T10:30:15.250000Z",
            "2026-11-22T10:30:15.250000Z",
        ),
        (timestamp("iso8601"), WHOLE, "2026-11-22T10:30:15Z", "2026-11-22T10:30:15Z"),
        (
            timestamp("rfc822"),
            WHOLE,
            "Sun, 22 Nov 2026 10:30:15 GMT",
            "Sun, 22 Nov 2026 10:30:15 GMT",
        ),
        (shape("double"), 0.1, 0.1, "0.1"),
        (shape("double"), math.inf, "Infinity", "Infinity"),
        (shape("double"), -math.inf, "-Infinity", "-Infinity"),
        (shape("long"), -(2**63), -(2**63), "-9223372036854775808"),
        (shape("boolean"), True, True, "true"),
        (shape("blob"), b"\x00\xff", "AP8=", "AP8="),
        (shape("blob"), b"", "", ""),
    ],
)
def test_a_leaf_both_ways_in_both_forms(it: Shape, value: Any, json: Any, text: str) -> None:
    assert write_json(it, value, "x") == json
    assert write_text(it, value, "x") == text
    assert read_json(it, json, "x") == value
    assert read_text(it, text, "x") == value


def test_not_a_number() -> None:
    it = shape("float")
    assert (write_json(it, math.nan, "x"), write_text(it, math.nan, "x")) == ("NaN", "NaN")
    assert math.isnan(read_json(it, "NaN", "x"))
    assert math.isnan(read_text(it, "NaN", "x"))


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert write_text(shape("timestamp"), there, "x") == "2026-11-22T10:30:15.250000Z"
    assert read_text(shape("timestamp"), "2026-11-22T16:00:15.25+05:30", "x") == MOMENT


@pytest.mark.parametrize(
    ("it", "wire"),
    [
        (shape("timestamp"), "2026-11-22T10:30:15"),
        (shape("timestamp"), "yesterday"),
        (timestamp("rfc822"), "yesterday"),
        (timestamp("unixTimestamp"), "1e999"),
        (timestamp("unixTimestamp"), "١"),
        (shape("double"), "1_0"),
        (shape("double"), ""),
        (shape("integer"), "2147483648"),
        (shape("integer"), "--1"),
        (shape("blob"), "AP8"),
        (shape("blob"), "AP8=\n"),
        (shape("blob"), "é"),
    ],
)
def test_a_text_of_the_wrong_form(it: Shape, wire: str) -> None:
    with pytest.raises(RequestError, match="at 'x'"):
        read_text(it, wire, "x")


@pytest.mark.parametrize(
    ("it", "wire"),
    [
        (shape("timestamp"), "2026-11-22T10:30:15Z"),
        (shape("timestamp"), True),
        (shape("timestamp"), 1e300),
        (timestamp("iso8601"), 5),
        (shape("double"), 10**400),
        (shape("double"), "1.5"),
        (shape("double"), []),
        (shape("boolean"), 1),
    ],
)
def test_json_of_the_wrong_form(it: Shape, wire: Any) -> None:
    with pytest.raises(RequestError, match="at 'x'"):
        read_json(it, wire, "x")


@pytest.mark.parametrize(
    ("it", "value"),
    [
        (shape("timestamp"), datetime(2026, 11, 22)),  # noqa: DTZ001 - what must be refused
        (shape("timestamp"), 5),
        (shape("integer"), True),
        (shape("integer"), "5"),
        (shape("string"), b"x"),
        (shape("blob"), "x"),
        (shape("boolean"), 0),
    ],
)
def test_a_value_that_does_not_fit(it: Shape, value: Any) -> None:
    for write in (write_json, write_text):
        with pytest.raises(Unfit):
            write(it, value, "x")
