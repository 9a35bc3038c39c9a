from __future__ import annotations

import re
import unicodedata
from functools import partial

import pytest
from botocore.loaders import Loader
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.aws.patterns import compiled, matches
from tests.yardstick import cost

SERVICES = ["ecr", "ecr-public", "sts", "kms", "ecs", "iam", "logs", "elbv2"]


def patterns(name: str) -> list[str]:
    shapes = Loader().load_service_model(name, "service-2")["shapes"].values()
    return sorted({shape["pattern"] for shape in shapes if "pattern" in shape})


@pytest.mark.parametrize("name", SERVICES)
def test_every_pattern_of_the_models_compiles(name: str) -> None:
    found = patterns(name)
    assert found
    for pattern in found:
        assert compiled(pattern).flags & re.ASCII


PUMPS = ["a", "0", "A", "-", "_", ".", "/", "a.", "a/", "a-", "a_", "*", "=", ":", "+", "arn:aws:"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_pattern_takes_exponential_time(name: str) -> None:
    for pattern in patterns(name):
        for pump in PUMPS:
            for start in ("", "^", "arn:aws:iam::123456789012:role/", "https://", "/"):
                # Doubling work shows long before it hurts: stop at the first slow length.
                for length in (8, 16, 20, 24, 400):
                    work = partial(matches, pattern, start + pump * length + "\n!")
                    spent = cost(work, 1)
                    if spent > 0.1:  # perhaps a collection of garbage fell into it
                        spent = cost(work, 2)
                    assert spent < 0.3, f"{pattern} on {length} times {pump!r}: {spent:.2f} s"


SCANNING_FILTER = r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$"


@settings(deadline=None)
@given(st.text("ab0*._-/A\n", max_size=14))
def test_the_linear_pattern_matches_what_the_models_does(value: str) -> None:
    assert matches(SCANNING_FILTER, value) is (re.fullmatch(SCANNING_FILTER, value) is not None)


def test_the_pattern_with_a_linear_twin_is_still_in_the_model() -> None:
    assert SCANNING_FILTER in patterns("ecr")


TAG_KEY = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"


@settings(deadline=None)
@given(st.characters(exclude_categories=["Cs"]))
def test_unicode_categories_are_javas(character: str) -> None:
    expected = unicodedata.category(character)[0] in "LZN" or character in "_.:/=+-@"
    assert matches(TAG_KEY, character) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("[0-9]{12}", "123456789012", True),
        ("[0-9]{12}", "123456789012\n", False),
        ("[0-9]{12}", "x123456789012", False),
        ("^[a-z]+$", "abc\n", False),
        (r"[\d]*", "١", False),
        (r"[\w]*", "é", False),
        (r"[\w-_]*", "a-_", True),
        (r"^$|arn:x", "", True),
        (r"^$|arn:x", "arn:x", True),
    ],
)
def test_the_whole_value_matches_in_ascii(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value) is expected
