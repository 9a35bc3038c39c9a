"""Walking a value along a shape of botocore's models, in and out.

Both walkers do lists, maps and structures; what a string or a timestamp looks like is the
protocol's business (`scalars.py`). Members go by the model's own names, as in a boto3 dict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from registry.aws.errors import Fault, RequestError

Scalar = Callable[[Shape, Any, str], Any]
"""Converts one leaf: (shape, value, path of it)."""


class Unfit(Exception):
    """A result that does not fit its output shape: a fault of ours."""


def decode(shape: Shape, wire: Any, scalar: Scalar, path: str = "") -> Any:
    """The Python value of a wire value.

    Members that the model does not know, and nulls in structures and maps, are left out, as
    AWS does. Raises RequestError (MALFORMED) where a type differs.
    """
    if isinstance(shape, StructureShape):
        return _read_structure(shape, wire, scalar, path)
    if isinstance(shape, ListShape):
        return [
            decode(shape.member, _present(item, f"{path}.{number}"), scalar, f"{path}.{number}")
            for number, item in enumerate(_typed(wire, list, "List", path), 1)
        ]
    if isinstance(shape, MapShape):
        return {
            decode(shape.key, key, scalar, path): decode(
                shape.value, item, scalar, below(path, key)
            )
            for key, item in _typed(wire, dict, "Map", path).items()
            if item is not None
        }
    return scalar(shape, wire, path)


def _read_structure(shape: StructureShape, wire: Any, scalar: Scalar, path: str) -> Any:
    if shape.is_document_type:
        return wire
    given = _typed(wire, dict, "Structure", path)
    values = {}
    for name, member in shape.members.items():
        item = given.get(wire_name(member, name))
        if item is not None:
            values[name] = decode(member, item, scalar, below(path, name))
    if shape.is_tagged_union and len(values) != 1:
        names = ", ".join(shape.members)
        raise malformed(f"exactly one of {names} must be set, not {len(values)}", path)
    return values


def encode(shape: Shape, value: Any, scalar: Scalar, path: str = "") -> Any:
    """The wire value of an operation's result, None members left out.

    Raises Unfit for a member that the model does not know, a required one that is missing,
    or a wrong type.
    """
    if isinstance(shape, StructureShape):
        return _write_structure(shape, value, scalar, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list | tuple):
            raise Unfit(f"{path}: {type(value).__name__} for a list")
        return [
            encode(shape.member, item, scalar, f"{path}.{number}")
            for number, item in enumerate(value, 1)
        ]
    if isinstance(shape, MapShape):
        return {
            encode(shape.key, key, scalar, path): encode(
                shape.value, item, scalar, below(path, key)
            )
            for key, item in _mapping(value, path).items()
            if item is not None
        }
    return scalar(shape, value, path)


def _write_structure(shape: StructureShape, value: Any, scalar: Scalar, path: str) -> Any:
    if shape.is_document_type:
        return value
    given = {name: item for name, item in _mapping(value, path).items() if item is not None}
    unknown = given.keys() - shape.members.keys()
    missing = [name for name in shape.required_members if name not in given]
    if unknown or missing:
        raise Unfit(f"{path or shape.name}: unknown members {unknown}, missing members {missing}")
    return {
        wire_name(shape.members[name], name): encode(
            shape.members[name], item, scalar, below(path, name)
        )
        for name, item in given.items()
    }


def wire_name(member: Shape, name: str) -> str:
    """A member's name on the wire: its locationName, else its own."""
    return str(member.serialization.get("name", name))


def below(path: str, name: str) -> str:
    """The path of a member, as AWS's messages write it: each name in lower camel case."""
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


def malformed(message: str, path: str) -> RequestError:
    """A wire value of the wrong type or form, naming where."""
    return RequestError(Fault.MALFORMED, f"{message} at '{path}'" if path else message)


def kind(wire: Any) -> str:
    """A JSON value's type as AWS's messages call it."""
    if isinstance(wire, bool):
        return "TRUE_VALUE" if wire else "FALSE_VALUE"
    names = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
    names |= {list: "START_ARRAY", dict: "START_OBJECT", type(None): "NULL_VALUE"}
    return names[type(wire)]


def _typed(wire: Any, wanted: type, name: str, path: str) -> Any:
    if not isinstance(wire, wanted):
        raise malformed(f"{kind(wire)} can not be converted to a {name}", path)
    return wire


def _present(item: Any, path: str) -> Any:
    if item is None:
        raise malformed("NULL_VALUE can not be an element of a List", path)
    return item


def _mapping(value: Any, path: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise Unfit(f"{path}: {type(value).__name__} for a structure or map")
    return value
