from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.aws.pages import Pages
from registry.values.errors import ParameterInvalid

positions = st.text() | st.integers(0, 1 << 62) | st.tuples(st.integers(0, 1 << 62), st.text())


@given(st.text(st.characters(codec="utf-8")), positions)
def test_a_position_comes_back(listing: str, position: Any) -> None:
    pages = Pages(b"k" * 32)
    token = pages.seal(listing, position)
    assert pages.open(listing, token, position) == position
    with pytest.raises(ParameterInvalid, match="nextToken"):
        pages.open(listing + "x", token, position)
    with pytest.raises(ParameterInvalid, match="nextToken"):
        Pages(b"j" * 32).open(listing, token, position)


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(ParameterInvalid, match="nextToken"):
        Pages(os.urandom(32)).open("listing", text, 0)


def test_without_a_token_a_listing_starts_at_its_first() -> None:
    assert Pages(b"k" * 32).open("listing", None, (0, "")) == (0, "")
