"""What an endpoint under `/api/v1/` is: its method and path, what it takes to call it, its work."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.aws.context import Context

PREFIX = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, once its signature is verified."""

    context: Context
    path: Mapping[str, str]
    """The variable parts of the path."""
    query: Mapping[str, str]
    body: Mapping[str, Any] = field(repr=False)
    """The JSON object that was sent; empty where none was."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By lower-case name; of a repeated one the last."""

    @property
    def scope(self) -> Scope:
        """The caller's registry that it is about: the public one where `registry` says so.

        Raises ParameterInvalid.
        """
        asked = self.query.get("registry")
        if asked is None:
            return Scope(self.context.account, self.context.region)
        if asked != "public":
            raise ParameterInvalid("the query parameter registry can only be 'public'")
        return Scope.public_of(self.context.account)

    def only(self, *names: str) -> None:
        """Raise ParameterInvalid for a member that is none of these."""
        if unknown := sorted(self.body.keys() - set(names)):
            raise ParameterInvalid(f"there is no parameter {shown(unknown[0])}")

    def text(self, name: str) -> str | None:
        """A member that is text. Raises ParameterInvalid."""
        found: str | None = self._of(name, str)
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A member that is true or false. Raises ParameterInvalid."""
        found = self._of(name, bool)
        return default if found is None else bool(found)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """A member that is an object. Raises ParameterInvalid."""
        found: dict[str, Any] | None = self._of(name, dict)
        return found

    def listed(self, name: str) -> Sequence[Any] | None:
        """A member that is a list. Raises ParameterInvalid."""
        found: list[Any] | None = self._of(name, list)
        return found

    def _of(self, name: str, kind: type) -> Any:
        found = self.body.get(name)
        if found is not None and type(found) is not kind:
            raise ParameterInvalid(f"the parameter '{name}' must be a JSON {_KINDS[kind]}")
        return found


_KINDS = {str: "string", bool: "boolean", dict: "object", list: "array"}


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that is not a JSON object of the house's own."""

    media_type: str
    content: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


Answer = Mapping[str, Any] | Document


@dataclass(frozen=True, slots=True)
class Need:
    """IAM actions that must all be allowed on all of the resources."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint."""

    name: str
    """What logs and metrics call it."""
    method: str
    path: str
    """Below `/api/v1/`; `{name}` stands for one part without a slash, `{name*}` for any parts."""
    needs: Callable[[Call], Sequence[Need]] = field(repr=False)
    """Decided before the endpoint runs; never empty. It raises ParameterInvalid."""
    endpoint: Callable[[Call], Answer] = field(repr=False)
    browsable: bool = False
    """Whether a browser may ask, with the password of `docker login`. Nothing that changes may."""

    def match(self, path: str) -> Mapping[str, str] | None:
        """The variable parts of a path; None if it is not this route's."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(PREFIX + self.path))
        pattern = re.sub(r"\\\{(\w+)\\\*\\\}", r"(?P<\1>.+)", pattern)
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()
