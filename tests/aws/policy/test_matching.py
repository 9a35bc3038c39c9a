from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.aws.policy.matching import VARIABLE_MAX, Template, Test, arns, template, texts

pattern_texts = st.text("ab:*?[.", max_size=10)


def globs(*patterns: str) -> Test:
    return texts(compiled(each) for each in patterns)


def compiled(pattern: str) -> Template:
    return template(pattern, variables=True, wildcards=True)


def nothing(_key: str) -> None:
    return None


@given(st.lists(pattern_texts, max_size=4), st.text("ab:[.\n", max_size=12))
def test_wildcards_mean_what_they_mean_to_the_standard_library(
    patterns: list[str], text: str
) -> None:
    literal = [each.replace("[", "[[]") for each in patterns]
    expected = any(fnmatch.fnmatchcase(text, each) for each in literal)
    assert globs(*patterns)(text, nothing) is expected


@pytest.mark.parametrize("pattern", ["a*b", "a?b", "*a*b", "a${svc:x}*b"])
def test_wildcards_match_ends_of_lines_too(pattern: str) -> None:
    assert globs(pattern)("a\nb", lambda _key: "\n")
    assert not globs(pattern)("a\nb\n", lambda _key: "\n")
    assert arns([compiled(f"arn:{pattern}::::{pattern}")])("arn:a\nb::::a\nb", lambda _key: "\n")


@given(pattern_texts, st.text("ab:[.", max_size=12))
def test_a_variable_that_holds_the_pattern_matches_it_literally(pattern: str, text: str) -> None:
    def lookup(key: str) -> str | None:
        return pattern if key == "svc:p" else None

    test = globs("x${svc:P}y")
    assert test(f"x{pattern}y", lookup)
    assert test(f"x{text}y", lookup) is (text == pattern)


@given(st.text("ab:*?/", max_size=14), st.text("ab:/", max_size=14))
def test_arn_patterns_compare_each_component(rest: str, value: str) -> None:
    pattern, text = f"arn:a:{rest}", f"arn:a:{value}"
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    expected = len(wanted) == len(found) == 6 and all(
        fnmatch.fnmatchcase(mine, theirs) for mine, theirs in zip(found, wanted, strict=True)
    )
    assert arns([compiled(pattern)])(text, nothing) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 200 + "b",
        "*" * 2000 + "b",
        "?*" * 500 + "b",
        "*a?a*" * 100 + "b",
        "a*" * 300 + "${svc:x}",
    ],
)
def test_no_pattern_makes_the_match_explode(pattern: str) -> None:
    def lookup(_key: str) -> str:
        return "b"

    plain, arn = globs(pattern), arns([compiled(f"arn:a:a:a:a:{pattern}")])
    began = time.thread_time()
    assert not plain("a" * 4000, lookup)
    assert not arn("arn:a:a:a:a:" + "a" * 4000, lookup)
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        *("${", "a${aws:x", "${}", "${aws}", "${aws:a, b}", "${aws:a,'x}", "${a:${b:c}}"),
        *("${a:b*}", "${aws:" + " " * VARIABLE_MAX + "}"),
    ],
)
def test_malformed_variables_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="policy variable"):
        compiled(text)


def test_text_that_only_looks_like_a_variable() -> None:
    assert globs("$5 {a} $")("$5 {a} $", nothing)
    plain = template("${aws:x}", variables=False, wildcards=False)
    assert texts([plain])("${aws:x}", nothing)


def test_an_empty_value_is_a_value_and_several_are_none() -> None:
    test = globs("a${svc:x, 'default'}")
    assert test("a", lambda _key: "")
    assert test("adefault", nothing)
    assert not test("adefault", lambda _key: ("x", "y"))


def test_ignoring_case_folds_both_sides() -> None:
    test = texts([template("Straße-${svc:X}", variables=True, wildcards=False)], fold=True)
    assert test("STRASSE-ü", lambda _key: "Ü")
    assert not test("STRASSE-u", lambda _key: "Ü")
    assert re.fullmatch("strasse", "straße".casefold())
