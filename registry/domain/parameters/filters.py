"""Which parameters a listing is to show.

Source: Systems Manager API reference, ParameterStringFilter, ParametersFilter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.domain.parameters.errors import InvalidFilterKey, InvalidFilterOption
from registry.domain.parameters.names import check_path, key_of

if TYPE_CHECKING:
    from registry.domain.parameters.parameters import Version

Test = Callable[["Version"], bool]
_TAG = "tag:"
_FIELDS: dict[str, Callable[[Version], str | None]] = {
    "Name": lambda each: each.key,
    "Type": lambda each: each.type,
    "KeyId": lambda each: each.kms_key,
    "Tier": lambda each: each.tier,
    "DataType": lambda each: each.data_type,
}
_OPTIONS: dict[str, Callable[[str, str], bool]] = {
    "Equals": lambda found, asked: found == asked,
    "BeginsWith": lambda found, asked: found.startswith(asked),
    "Contains": lambda found, asked: asked in found,
}


def described(filters: Sequence[Mapping[str, Any]]) -> Test:
    """The filters of DescribeParameters. Raises InvalidFilterKey, InvalidFilterOption."""
    return _all([_test(each, by_path=False) for each in _once(filters)])


def by_path(filters: Sequence[Mapping[str, Any]]) -> Test:
    """The filters of GetParametersByPath. Raises InvalidFilterKey, InvalidFilterOption."""
    return _all([_test(each, by_path=True) for each in _once(filters)])


def older(filters: Sequence[Mapping[str, Any]]) -> Test:
    """The older form, which finds names by how they begin."""
    return _all(
        [
            _field(each["Key"], "BeginsWith" if each["Key"] == "Name" else "Equals", each["Values"])
            for each in filters
        ]
    )


def _all(tests: Sequence[Test]) -> Test:
    return lambda version: all(test(version) for test in tests)


def _once(filters: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    keys = [each["Key"] for each in filters]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidFilterKey(
                f"The following filter is duplicated in the request: {key}. A request can contain"
                " only one occurrence of a specific filter."
            )
    return filters


def _test(given: Mapping[str, Any], *, by_path: bool) -> Test:
    key, values = given["Key"], given.get("Values") or ()
    if key.startswith(_TAG):
        tag = key.removeprefix(_TAG)
        return lambda each: tag in each.tags and (not values or each.tags[tag] in values)
    if key == "Label":
        if not by_path:
            raise _unknown(key, "[Path, Name, Type, KeyId, Tier]")
        return lambda each: any(label in values for label in each.labels)
    if by_path and key in ("Name", "Path", "Tier", "DataType"):
        raise _unknown(key, "[Type, KeyId]")
    if key == "Path":
        return _path(given.get("Option") or "OneLevel", values)
    return _field(key, given.get("Option") or "Equals", values)


def _unknown(key: str, known: str) -> InvalidFilterKey:
    return InvalidFilterKey(
        f"The following filter key is not valid: {key}. Valid filter keys include: {known}."
    )


def _path(option: str, values: Sequence[str]) -> Test:
    if option not in ("Recursive", "OneLevel"):
        raise _option(option, "[Recursive, OneLevel]")
    below = [check_path(value) for value in values]
    return lambda each: any(beneath(each, path, option == "Recursive") for path in below)


def beneath(version: Version, below: str, recursive: bool) -> bool:
    """Whether a parameter lies below a path, at whatever depth or right below it."""
    if not version.key.startswith(below):
        return False
    return recursive or "/" not in version.key[len(below) :]


def _field(key: str, option: str, values: Sequence[str]) -> Test:
    options = ["Equals", "BeginsWith"] + (["Contains"] if key == "Name" else [])
    if option not in options:
        raise _option(option, f"[{', '.join(options)}]")
    field, compare = _FIELDS[key], _OPTIONS[option]
    asked = [key_of(value) if key == "Name" else value for value in values]
    return lambda each: any(compare(field(each) or "", value) for value in asked)


def _option(option: str, known: str) -> InvalidFilterOption:
    return InvalidFilterOption(
        f"The following filter option is not valid: {option}. Valid options include: {known}."
    )
