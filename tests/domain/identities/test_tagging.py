from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.identities.tagging import MOST, tag_set, with_tags, without_tags
from registry.values.errors import LimitExceeded, ParameterInvalid

_KEYS = st.text(alphabet="aAbB", min_size=1, max_size=3)


def lowered(keys: dict[str, str]) -> set[str]:
    return {key.lower() for key in keys}


def distinct(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return tag_set(list({key.lower(): (key, value) for key, value in pairs}.values()))


_TAGS = st.lists(st.tuples(_KEYS, st.text(max_size=2))).map(distinct)


@given(_TAGS, _TAGS)
def test_a_key_is_there_once_in_whatever_case(stored: dict[str, str], more: dict[str, str]) -> None:
    found = with_tags(stored, more)
    assert len(lowered(found)) == len(found)
    assert lowered(found) == lowered(stored) | lowered(more)
    assert found.keys() >= stored.keys(), "a key keeps its first spelling"
    values = {key.lower(): value for key, value in found.items()}
    assert all(values[key.lower()] == value for key, value in more.items())


@given(_TAGS, st.lists(_KEYS))
def test_removed_keys_are_gone_in_whatever_case(stored: dict[str, str], keys: list[str]) -> None:
    found = without_tags(stored, keys)
    assert lowered(found) == lowered(stored) - {key.lower() for key in keys}
    assert found.items() <= stored.items()


def test_fifty_at_most() -> None:
    full = {f"k{number}": "" for number in range(MOST)}
    assert with_tags(full, {"K1": "new"})["k1"] == "new"
    with pytest.raises(LimitExceeded):
        with_tags(full, {"more": ""})


def test_keys_twice_and_reserved_ones() -> None:
    with pytest.raises(ParameterInvalid, match="Duplicate"):
        tag_set([("a", "1"), ("a", "1")])
    with pytest.raises(ParameterInvalid, match="reserved"):
        tag_set([("aws:a", "1")])
    assert tag_set([("awsa", "1")]) == {"awsa": "1"}
