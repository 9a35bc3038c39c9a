"""Random values of botocore's shapes, as hypothesis strategies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import strategies as st

_CONTROL = {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}
_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(sorted(_CONTROL))),
    max_size=12,
)
_TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "character": _TEXT,
    "boolean": st.booleans(),
    "blob": st.binary(max_size=20),
    "timestamp": _TIMES,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
}


def values(shape: Shape | None, *, empty: bool = True, depth: int = 4) -> st.SearchStrategy[Any]:
    """Values of a shape by the model's member names, ignoring its constraints but `required`.

    With `empty` off, maps and structures are never empty: the query protocol cannot say so.
    """
    if shape is None:
        return st.just({})
    if isinstance(shape, StructureShape):
        return _structures(shape, empty, depth)
    if isinstance(shape, ListShape):
        # Without an element around it, an empty list cannot be told from none.
        least = 1 if shape.serialization.get("flattened") and not empty else 0
        largest = 3 if depth > 0 else least
        members = values(shape.member, empty=empty, depth=depth - 1)
        return st.lists(members, min_size=least, max_size=largest)
    if isinstance(shape, MapShape):
        keys = values(shape.key, empty=empty)
        items = values(shape.value, empty=empty, depth=depth - 1)
        return st.dictionaries(keys, items, max_size=3, min_size=0 if empty else 1)
    return _LEAVES[shape.type_name]


def _structures(shape: StructureShape, empty: bool, depth: int) -> st.SearchStrategy[Any]:
    if shape.is_document_type:
        return st.just({"a": [1, None, {"b": "c"}]})
    members: dict[str, st.SearchStrategy[Any]] = {
        name: _later(member, empty, depth - 1) for name, member in shape.members.items()
    }
    if shape.is_tagged_union:
        return st.one_of([st.fixed_dictionaries({name: each}) for name, each in members.items()])
    required = {name: members[name] for name in shape.required_members}
    optional = {name: members[name] for name in members.keys() - required.keys()}
    found = st.fixed_dictionaries(required, optional=optional if depth > 0 else {})
    return found if empty else found.filter(bool)


def _later(shape: Shape, empty: bool, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: values(shape, empty=empty, depth=depth))
