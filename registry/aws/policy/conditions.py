"""The Condition element: every operator of IAM, its set and IfExists forms, and Null.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Creating a condition
with multiple keys or values", "Variables and tags" (which operators take variables).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from registry.aws.policy import matching
from registry.aws.policy.matching import Template, Test
from registry.aws.policy.reading import Node
from registry.aws.policy.request import Lookup
from registry.values.digest import shown

T = TypeVar("T")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_KEY = re.compile(r"[^:\s]+:\S.*", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?", re.ASCII)
_YEAR_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


class Quantifier(Enum):
    """How the values of a request are counted."""

    SINGLE = ""
    ANY = "ForAnyValue:"
    ALL = "ForAllValues:"


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One key under one operator: the `test` of a value against the policy's values."""

    key: str
    test: Test
    negated: bool = False
    if_exists: bool = False
    quantifier: Quantifier = Quantifier.SINGLE

    def holds(self, lookup: Lookup) -> bool:
        """Whether the request satisfies it."""
        value = lookup(self.key)
        if not value and value != "":
            return self._without_value()
        if self.quantifier is Quantifier.SINGLE:
            return self._matches_any(value, lookup) is not self.negated
        values = (value,) if isinstance(value, str) else value
        if not any(values):  # an empty string is a null data set to a set operator
            return self.quantifier is Quantifier.ALL
        holds = (self.test(each, lookup) is not self.negated for each in values)
        return all(holds) if self.quantifier is Quantifier.ALL else any(holds)

    def _matches_any(self, value: str | tuple[str, ...], lookup: Lookup) -> bool:
        if isinstance(value, str):
            return self.test(value, lookup)
        return any(self.test(each, lookup) for each in value)

    def _without_value(self) -> bool:
        if self.if_exists or self.quantifier is Quantifier.ALL:
            return True
        return self.quantifier is Quantifier.SINGLE and self.negated


@dataclass(frozen=True, slots=True, eq=False)
class NullCondition:
    """`Null`: whether the key is absent ("true") or present ("false")."""

    key: str
    absent: frozenset[bool]

    def holds(self, lookup: Lookup) -> bool:
        """Whether the request satisfies it."""
        value = lookup(self.key)
        return (not value and value != "") in self.absent


AnyCondition = Condition | NullCondition


def conditions(node: Node, *, variables: bool) -> tuple[AnyCondition, ...]:
    """Compile a Condition element; all of its conditions must hold. Raises PolicyInvalid."""
    return tuple(
        _condition(name, key, values, variables=variables)
        for name, keys in node.members().items()
        for key, values in _keys(name, keys)
    )


def _keys(name: str, node: Node) -> Iterable[tuple[str, Node]]:
    _operator(name, node)
    for key, values in node.members().items():
        if _KEY.fullmatch(key) is None:
            raise values.refused(f"{shown(key)} is not a condition key (prefix:name)")
        yield key.lower(), values


def _operator(name: str, node: Node) -> tuple[Quantifier, str, bool]:
    """The parts of an operator's name. Raises PolicyInvalid for one that IAM does not have."""
    quantifier = next((q for q in Quantifier if q.value and name.startswith(q.value)), None)
    bare = name.removeprefix(quantifier.value if quantifier else "")
    base = bare.removesuffix("IfExists")
    if base not in _OPERATORS and name != "Null":
        raise node.refused(f"{shown(name)} is not a condition operator{_meant(base)}")
    return quantifier or Quantifier.SINGLE, base, base != bare


def _meant(name: str) -> str:
    likely = next((known for known in _OPERATORS if known.lower() == name.lower()), None)
    return f"; {likely} is" if likely else ""


def _condition(name: str, key: str, node: Node, *, variables: bool) -> AnyCondition:
    quantifier, base, if_exists = _operator(name, node)
    values = node.each()
    if name == "Null":
        return NullCondition(key, frozenset(_boolean(value) == "true" for value in values))
    negated, compiled = _OPERATORS[base]
    return Condition(key, compiled(values, variables), negated, if_exists, quantifier)


Compile = Callable[[list[Node], bool], Test]


def _templates(values: list[Node], *, variables: bool, wildcards: bool) -> list[Template]:
    return [_template(value, variables=variables, wildcards=wildcards) for value in values]


def _template(value: Node, *, variables: bool, wildcards: bool) -> Template:
    try:
        return matching.template(value.scalar(), variables=variables, wildcards=wildcards)
    except ValueError as error:
        raise value.refused(str(error)) from None


def _string(values: list[Node], variables: bool) -> Test:
    return matching.texts(_templates(values, variables=variables, wildcards=False))


def _string_ignoring_case(values: list[Node], variables: bool) -> Test:
    templates = _templates(values, variables=variables, wildcards=False)
    return matching.texts(templates, fold=True)


def _string_like(values: list[Node], variables: bool) -> Test:
    return matching.texts(_templates(values, variables=variables, wildcards=True))


def _arn(values: list[Node], variables: bool) -> Test:
    return matching.arns(_templates(values, variables=variables, wildcards=True))


def _bool(values: list[Node], variables: bool) -> Test:
    for value in values:
        if not (variables and "${" in value.scalar()):
            _boolean(value)
    return _string_ignoring_case(values, variables)


def _boolean(value: Node) -> str:
    text = value.scalar().lower()
    if text not in ("true", "false"):
        raise value.refused(f"{shown(value.scalar())} is neither true nor false")
    return text


def _binary(values: list[Node], _variables: bool) -> Test:
    wanted = {_checked(value, _bytes, "base64") for value in values}
    return lambda text, _lookup: _bytes(text) in wanted


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _address(values: list[Node], _variables: bool) -> Test:
    ranges = [_checked(value, _range, "an IP address or CIDR range") for value in values]

    def test(text: str, _lookup: Lookup) -> bool:
        address = _ip(text)
        return address is not None and any(holds(address) for holds in ranges)

    return test


def _range(text: str) -> Callable[[Address], bool] | None:
    try:
        return ipaddress.ip_network(text, strict=False).__contains__
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _ip(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 callers as ::ffff:a.b.c.d; a rule for a.b.c.d means them.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _compared(
    compare: Callable[[T, T], bool], read: Callable[[str], T | None], what: str
) -> Compile:
    """Values of an ordered type: `compare(request's, policy's)`."""

    def compiled(values: list[Node], _variables: bool) -> Test:
        bounds = [_checked(value, read, what) for value in values]

        def test(text: str, _lookup: Lookup) -> bool:
            value = read(text)
            return value is not None and any(compare(value, bound) for bound in bounds)

        return test

    return compiled


def _checked(value: Node, read: Callable[[str], T | None], what: str) -> T:
    result = read(value.scalar())
    if result is None:
        raise value.refused(f"{shown(value.scalar())} is not {what}")
    return result


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _date(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date (UTC unless it says otherwise) or epoch time."""
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        date = datetime.fromisoformat(f"{text}-01" if _YEAR_MONTH.fullmatch(text) else text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Compile:
    return _compared(compare, _number, "a number")


def _dated(compare: Callable[[float, float], bool]) -> Compile:
    return _compared(compare, _date, "an ISO 8601 date or a number of seconds since 1970")


_OPERATORS: dict[str, tuple[bool, Compile]] = {
    "StringEquals": (False, _string),
    "StringNotEquals": (True, _string),
    "StringEqualsIgnoreCase": (False, _string_ignoring_case),
    "StringNotEqualsIgnoreCase": (True, _string_ignoring_case),
    "StringLike": (False, _string_like),
    "StringNotLike": (True, _string_like),
    "NumericEquals": (False, _numeric(operator.eq)),
    "NumericNotEquals": (True, _numeric(operator.eq)),
    "NumericLessThan": (False, _numeric(operator.lt)),
    "NumericLessThanEquals": (False, _numeric(operator.le)),
    "NumericGreaterThan": (False, _numeric(operator.gt)),
    "NumericGreaterThanEquals": (False, _numeric(operator.ge)),
    "DateEquals": (False, _dated(operator.eq)),
    "DateNotEquals": (True, _dated(operator.eq)),
    "DateLessThan": (False, _dated(operator.lt)),
    "DateLessThanEquals": (False, _dated(operator.le)),
    "DateGreaterThan": (False, _dated(operator.gt)),
    "DateGreaterThanEquals": (False, _dated(operator.ge)),
    "Bool": (False, _bool),
    "BinaryEquals": (False, _binary),
    "IpAddress": (False, _address),
    "NotIpAddress": (True, _address),
    "ArnEquals": (False, _arn),
    "ArnLike": (False, _arn),
    "ArnNotEquals": (True, _arn),
    "ArnNotLike": (True, _arn),
}
