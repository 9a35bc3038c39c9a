from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.logs.errors import PatternInvalid
from registry.domain.logs.patterns import compiled
from registry.domain.logs.patterns.conditions import wild

ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "level": "error",
        "n": 4,
        "ok": True,
        "none": None,
        "user": {"name": "ada", "roles": ["dev", "ops"]},
        "a.b": 1.5,
        "text": "12",
    }
)


def found(pattern: str, message: str) -> bool:
    matches = compiled(pattern)
    return matches is None or matches(message)


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ('""', "anything", True),
        ("ERROR", "[ERROR] 1", True),
        ("ERROR", "error", False),
        ("ERROR 404", "404 ERROR", True),
        ("ERROR 404", "ERROR", False),
        ('"not found"', "was not found.", True),
        ('"a \\"b\\""', 'a "b"', True),
        ("ERROR -EXPECTED", "ERROR", True),
        ("ERROR -EXPECTED", "ERROR EXPECTED", False),
        ('-"x y"', "x y", False),
        ("?WARN ?ERROR", "ERROR", True),
        ("?WARN ?ERROR", "INFO", False),
        ("?WARN REQUEST", "REQUEST", True),
        ('{ $.level = "error" }', EVENT, True),
        ("{ $.level = error }", EVENT, True),
        ("{ $.level = err* }", EVENT, True),
        ("{ $.level != error }", EVENT, False),
        ("{ $.missing != error }", EVENT, False),
        ("{ $.n > 3 && $.n <= 4 }", EVENT, True),
        ("{ $.n < 4 || $.n >= 5 }", EVENT, False),
        ("{ $.n = 4.0 }", EVENT, True),
        ("{ $.n = 4e0 }", EVENT, True),
        ("{ $.text = 12 }", EVENT, True),
        ("{ $.user.roles[1] = ops }", EVENT, True),
        ("{ $.user.roles[2] = ops }", EVENT, False),
        ("{ $.['a.b'] = 1.5 }", EVENT, True),
        ("{ $.ok IS TRUE }", EVENT, True),
        ("{ $.ok is false }", EVENT, False),
        ("{ $.none IS NULL }", EVENT, True),
        ("{ $.missing NOT EXISTS }", EVENT, True),
        ("{ $.none NOT EXISTS }", EVENT, False),
        ("{ $.n EXISTS }", EVENT, True),
        ("{ ($.n = 1 || $.n = 4) && ($.level = error) }", EVENT, True),
        ("{ $.n = 4 || $.n = 1 && $.level = x }", EVENT, True),
        ("{ $.n = 4 }", "no JSON", False),
        ("{ $.n = 4 }", "4", False),
        ("{ $.user = 4 }", EVENT, False),
        ("[ip, id, user, time, request, status = 404, bytes]", ACCESS, True),
        ("[ip, id, user, time, request, status = 4*, bytes > 1000]", ACCESS, True),
        ("[..., request = *apache*, status != 4*, bytes]", ACCESS, False),
        ("[..., status = 404 || status = 500, bytes]", ACCESS, True),
        ("[ip, ..., bytes < 1000]", ACCESS, False),
        ("[ip = 127.*, ...]", ACCESS, True),
        ("[a, b]", "one two three", False),
        ("[a, b, c]", "one two three", True),
        ("[a, b, c, d, ...]", "one two three", False),
    ],
)
def test_patterns(pattern: str, message: str, *, expected: bool) -> None:
    assert found(pattern, message) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "a:b", '"open', "%x%", "{", "{ }", "{ $.a }", "{ a = 1 }", "{ $.a > x }", '{ $.a > "1" }',
        "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a = 1 ) }", "{ $.a IS 3 }", "{ $.a NOT 3 }",
        "{ $.a[*] = 1 }", "{ $.a = %x% }", "{ $.a ~ 1 }", "[", "[]", "[a,,b]", "[..., ...]",
        "[a ~ 3]", "[a = ]", "{" + "(" * 40 + "$.a = 1" + ")" * 40 + "}",
    ],
)  # fmt: skip
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(PatternInvalid):
        compiled(pattern)


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_is_a_pattern_or_is_refused(pattern: str, message: str) -> None:
    try:
        matches = compiled(pattern)
    except PatternInvalid:
        return
    assert matches is None or matches(message) in (True, False)


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=8))
def test_stars_stand_for_anything(pattern: str, text: str) -> None:
    def slow(at: int, of: int) -> bool:
        if at == len(pattern):
            return of == len(text)
        if pattern[at] == "*":
            return any(slow(at + 1, later) for later in range(of, len(text) + 1))
        return of < len(text) and text[of] == pattern[at] and slow(at + 1, of + 1)

    assert wild(pattern, text) == slow(0, 0)
