"""What all operations of CloudWatch Logs share: the declarations, names and ARNs.

Source: CloudWatch Logs User Guide, "Log group ARNs": policies name a group with `:*` behind it,
as every action on a group or a stream is on `log-group:<name>:log-stream:<stream>`; only the
tagging operations take the group's ARN without that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.aws.service import Declarations
from registry.domain.logs.groups import group_arn
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.domain.logs.groups import Group, Groups
    from registry.domain.logs.reading import Reading
    from registry.domain.logs.streams import Streams
    from registry.domain.logs.writing import Writing

logs = Declarations("logs")

_ARN = re.compile(r"arn:aws:logs:([a-z0-9-]+):([0-9]{12}):log-group:([^:*]+)(?::\*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    groups: Groups
    streams: Streams
    writing: Writing
    reading: Reading
    key_of: Callable[[Scope, str | None], str]
    """The master key of a group, for the one named in the request; raises KeyNotFound."""


def scope_of(context: Context) -> Scope:
    """The account and region that an operation is about."""
    return Scope(context.account, context.region)


class Operations:
    """What every group of operations has."""

    def __init__(self, stores: Stores, pages: Pages) -> None:
        self._groups = stores.groups
        self._streams = stores.streams
        self._writing = stores.writing
        self._reading = stores.reading
        self._key_of = stores.key_of
        self._pages = pages

    def _named(self, context: Context, name: str | None, identifier: str | None) -> Group:
        """The group of the two ways to name one. Raises GroupNotFound, ParameterInvalid."""
        scope, found = named(context, name, identifier)
        return self._groups.get(scope, found)


def named(context: Context, name: str | None, identifier: str | None) -> tuple[Scope, str]:
    """Scope and name of a group. Raises ParameterInvalid unless it is named once."""
    own = scope_of(context)
    if (name is None) == (identifier is None):
        raise ParameterInvalid("Exactly one of logGroupName and logGroupIdentifier is to be given.")
    if name is not None:
        return own, name
    found = identifier or ""
    if not found.startswith("arn:"):
        return own, found
    return of_arn(context, found)


def of_arn(context: Context, arn: str) -> tuple[Scope, str]:
    """Scope and name in a group's ARN. Raises ParameterInvalid."""
    match = _ARN.fullmatch(arn)
    if match is None or match[1] != context.region:
        raise ParameterInvalid(f"{shown(arn)} is not the ARN of a log group of {context.region}.")
    return Scope(match[2], match[1]), match[3]


# Resources of operations: ARNs of what was asked for, whether it exists or not.


def any_group(context: Context, _parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of a listing of groups."""
    return (f"{group_arn(scope_of(context), '')}:log-stream:",)


def group_resource(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of what is done to a group as a whole."""
    scope, name = named(
        context, parameters.get("log_group_name"), parameters.get("log_group_identifier")
    )
    return (f"{group_arn(scope, name)}:log-stream:",)


def stream_resource(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of what is done to one stream."""
    (group,) = group_resource(context, parameters)
    return (f"{group}{parameters['log_stream_name']}",)


def tagged_resource(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of what is done to the tags of a group."""
    if "log_group_name" in parameters:
        return (group_arn(scope_of(context), parameters["log_group_name"]),)
    return (group_arn(*of_arn(context, parameters["resource_arn"])),)


def tag_conditions(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """The tags of a request, as condition keys."""
    tags = parameters.get("tags") or {}
    found: dict[str, str | tuple[str, ...]] = {}
    if isinstance(tags, dict):
        found |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    if keys := tuple(parameters.get("tag_keys") or tags):
        found["aws:tagkeys"] = keys
    return (found,)
