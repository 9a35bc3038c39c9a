"""Names of parameters, and how requests refer to them.

Source: Systems Manager User Guide, "Requirements and constraints for parameter names"; API
reference, GetParameter (`name:version`, `name:label`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from registry.domain.parameters.errors import HierarchyLevelLimitExceeded
from registry.values.errors import Denied, ParameterInvalid
from registry.values.scope import Scope

LEVELS_MAX = 15
_NAME_MAX = 1011
"""Characters, with all that stands before it in an ARN."""
_NAME = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", re.ASCII)
_PATH = re.compile(r"/(?:[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)?", re.ASCII)
_ARN = re.compile(r"arn:aws:ssm:([a-z0-9-]*):([0-9]*):parameter/(.+)", re.ASCII | re.DOTALL)
_RULE = (
    "a forward-slash hierarchy of letters, digits and the symbols .-_ ; it can't be prefixed with"
    ' "aws" or "ssm" (case-insensitive)'
)


class Reference(NamedTuple):
    """What a request says: which parameter, and which version of it."""

    scope: Scope
    key: str
    """The name, without a slash at its beginning."""
    selector: str = ""
    """The version's number or a label; empty: the newest."""

    @property
    def arn(self) -> str:
        """ARN of the parameter."""
        return parameter_arn(self.scope, self.key)


def parameter_arn(scope: Scope, key: str) -> str:
    """ARN of a parameter, whether it exists or not."""
    return f"arn:aws:ssm:{scope.region}:{scope.account}:parameter/{key}"


def key_of(name: str) -> str:
    """What two names of one parameter have in common."""
    return name.removeprefix("/")


def reference(scope: Scope, text: str) -> Reference:
    """What a name or an ARN refers to, with a selector or without."""
    match = _ARN.fullmatch(text)
    if match is not None:
        scope, text = Scope(match[2], match[1]), match[3]
    name, _, selector = text.partition(":")
    return Reference(scope, key_of(name), selector)


def check_name(name: str) -> None:
    """Raise ParameterInvalid, HierarchyLevelLimitExceeded, Denied for a name that none can have."""
    if _NAME.fullmatch(name) is None or len(name) > _NAME_MAX:
        raise ParameterInvalid(f"Parameter name must be {_RULE}")
    first, slash, _ = key_of(name).partition("/")
    if name.startswith("/") and slash and first.lower() == "aws":
        raise Denied(f"No access to reserved parameter name: {name}.")
    if first.lower().startswith(("aws", "ssm")):
        raise ParameterInvalid(
            'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).'
        )
    if key_of(name).count("/") >= LEVELS_MAX:
        raise HierarchyLevelLimitExceeded(LEVELS_MAX)


def check_path(path: str) -> str:
    """The beginning of the keys below a path. Raises ParameterInvalid."""
    if _PATH.fullmatch(path) is None:
        raise ParameterInvalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must"
            ' begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm"'
            " (case-insensitive). It must use only letters, numbers, or the following symbols:"
            " . (period), - (hyphen), _ (underscore). Special characters are not allowed. All"
            ' sub-paths, if specified, must use the forward slash symbol "/". Valid example:'
            " /get/parameters2-/by1./path0_."
        )
    inner = path.strip("/")
    return f"{inner}/" if inner else ""
