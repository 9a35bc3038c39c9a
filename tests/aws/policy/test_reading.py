from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.aws.policy import PolicyInvalid
from registry.aws.policy.reading import Path, located, read

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def paths(value: Any, path: Path = ()) -> list[Path]:
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [path, *(each for key, child in children for each in paths(child, (*path, key)))]


@given(values, st.sampled_from([None, 0, 2]), st.data())
def test_every_place_is_found(value: Any, indent: int | None, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent)
    path = data.draw(st.sampled_from(paths(value)))
    error = located(PolicyInvalid("wrong", path), text)
    assert error.line is not None
    assert error.column is not None
    offset = sum(map(len, text.splitlines(keepends=True)[: error.line - 1])) + error.column - 1
    found = value
    for part in path:
        found = found[part]
    assert json.JSONDecoder().raw_decode(text, offset)[0] == found


def test_what_is_missing_is_placed_at_its_parent() -> None:
    text = '{\n "Statement": [\n  {"Effect": "Allow"}\n ]\n}'
    error = located(PolicyInvalid("is missing", ("Statement", 0, "Action")), text)
    assert str(error) == "Statement[0].Action: is missing (line 3, column 3)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{\n "a": 1,\n}', "not JSON: "),
        ("", "not JSON: Expecting value (line 1, column 1)"),
        ('{"a": NaN}', "not JSON: NaN is not a value"),
        ("[-Infinity]", "not JSON: -Infinity is not a value"),
        ("[" * 100_000, "nested too deeply"),
        ("\ufeff{}", "not JSON: "),
        ('{"a": "\n"}', "not JSON: Invalid control character at (line 1, column 8)"),
    ],
)
def test_text_that_is_not_json(text: str, reason: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read(text)
    assert str(caught.value).startswith(reason)


def test_where_the_syntax_is_wrong() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read('{\n "a": 1\n "b": 2\n}')
    assert (caught.value.line, caught.value.column) == (3, 2)


def test_numbers_are_kept_as_they_were_written() -> None:
    text = f"[1.50, {'9' * 6000}, 1e999]"
    assert [each.scalar() for each in read(text).each()] == ["1.50", "9" * 6000, "1e999"]
    error = located(PolicyInvalid("wrong", (2,)), text)
    assert error.column == text.index("1e999") + 1


def test_a_key_written_twice_is_named() -> None:
    with pytest.raises(PolicyInvalid, match="'Effect' appears more than once"):
        read('{"Effect": "Deny", "Sid": "x", "Effect": "Allow"}').members()


def test_long_and_odd_names_in_a_path_stay_readable() -> None:
    error = PolicyInvalid("wrong", ("a" * 500, "\ud800", 3))
    assert str(error) == f"{'a' * 100}.?[3]: wrong"
