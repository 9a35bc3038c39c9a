"""A decoded value against its shape's constraints, in the words AWS answers with.

Source: the constraint traits of the Smithy specification (length, range, pattern, enum,
required) and the messages of AWS's own services, e.g. `Value 'x' at 'repositoryName' failed
to satisfy constraint: Member must have length greater than or equal to 2`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.patterns import matches
from registry.aws.shapes import below

_SHOWN = 256
_NUMBERS = ("byte", "short", "integer", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class Violation:
    """One constraint that one member fails."""

    value: str
    """The value as the message shows it, e.g. `'x'` or `null`; empty for a secret."""
    path: str
    constraint: str
    """`Member must …`"""

    def __str__(self) -> str:
        value = f"Value {self.value}" if self.value else "Value"
        return f"{value} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[Violation]:
    """Every constraint that the value fails, in the order of the model's members."""
    if isinstance(shape, StructureShape):
        yield from _of_structure(shape, value, path)
        return
    for constraint, holds in _constraints(shape, value):
        if not holds:
            yield Violation(_shown(shape, value), path, constraint)
    if isinstance(shape, ListShape):
        yield from _of_elements(shape, shape.member, value, path, "Member")
    elif isinstance(shape, MapShape):
        yield from _of_elements(shape, shape.key, list(value), path, "Map keys")
        yield from _of_elements(shape, shape.value, list(value.values()), path, "Map value")


def _of_structure(shape: StructureShape, value: Any, path: str) -> Iterator[Violation]:
    if shape.is_document_type:
        return
    for name, member in shape.members.items():
        if name in value:
            yield from violations(member, value[name], below(path, name))
        elif name in shape.required_members:
            yield Violation("null", below(path, name), "Member must not be null")


def _of_elements(
    container: Shape, shape: Shape, values: Sequence[Any], path: str, what: str
) -> Iterator[Violation]:
    """Elements that are containers are walked; plain ones fail as the whole list."""
    if isinstance(shape, StructureShape | ListShape | MapShape):
        for number, value in enumerate(values, 1):
            yield from violations(shape, value, f"{path}.{number}.member")
        return
    for value in values:
        constraints = list(_constraints(shape, value))
        if not all(holds for _, holds in constraints):
            listed = ", ".join(text for text, _ in constraints)
            shown = "" if _sensitive(shape) else _shown(container, values)
            yield Violation(shown, path, f"{what} must satisfy constraint: [{listed}]")
            return


def _constraints(shape: Shape, value: Any) -> Iterator[tuple[str, bool]]:
    """Each constraint of one shape on its own, and whether the value meets it."""
    limits = shape.metadata
    number = shape.type_name in _NUMBERS
    size = value if number else len(value) if hasattr(value, "__len__") else 0
    what = "value" if number else "length"
    if "max" in limits:
        yield (
            f"Member must have {what} less than or equal to {limits['max']}",
            size <= limits["max"],
        )
    if "min" in limits:
        yield (
            f"Member must have {what} greater than or equal to {limits['min']}",
            size >= limits["min"],
        )
    if "pattern" in limits and isinstance(value, str):
        pattern = limits["pattern"]
        yield f"Member must satisfy regular expression pattern: {pattern}", matches(pattern, value)
    if "enum" in limits:
        values = ", ".join(limits["enum"])
        yield f"Member must satisfy enum value set: [{values}]", value in limits["enum"]


def _shown(shape: Shape, value: Any) -> str:
    if _sensitive(shape) or shape.type_name == "blob":
        return ""
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"


def _sensitive(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))


def validation_error(found: Sequence[Violation]) -> ServiceError | RequestError:
    """The form of most services: `2 validation errors detected: …; …`."""
    count = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return RequestError(Fault.INVALID, f"{count} detected: {'; '.join(map(str, found))}")


def invalid_parameter(found: Sequence[Violation]) -> ServiceError | RequestError:
    """The form of ECR: InvalidParameterException, `Invalid parameter at '…' …`."""
    pattern = "Member must satisfy regular expression pattern: "
    texts = []
    for each in found:
        constraint = each.constraint
        if constraint.startswith(pattern):
            constraint = f"must satisfy regular expression '{constraint.removeprefix(pattern)}'"
        texts.append(
            f"Invalid parameter at '{each.path}' failed to satisfy constraint: '{constraint}'"
        )
    return ServiceError("InvalidParameterException", "; ".join(texts))
