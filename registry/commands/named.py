"""How commands name repositories and images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.repositories import scope_and_name
from registry.values.digest import Digest, shown
from registry.values.errors import ParameterInvalid
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.config import Settings

_NAMED = re.compile(r"(arn:aws:ecr:[^:/@]+:[0-9]{12}:repository/)?([^:@]*)(?:[:@](.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Named:
    """A repository, and maybe an image in it, as an argument names them."""

    scope: Scope
    name: str
    reference: Digest | str | None


def named(settings: Settings, text: str) -> Named:
    """Read an argument. Raises Invalid."""
    match = _NAMED.fullmatch(text)
    if match is None:
        raise ParameterInvalid(f"{shown(text)} is not NAME, NAME:TAG or NAME@DIGEST")
    prefix, name, reference = match.groups()
    if text.startswith("arn:") and not prefix:
        raise ParameterInvalid(f"{shown(text)} is not the ARN of a repository")
    found = scope_and_name(f"{prefix}{name}") if prefix else None
    scope = settings.scope if found is None else found[0]
    if scope.region not in settings.all_regions:
        raise ParameterInvalid(f"this server has no region {shown(scope.region)} (see --regions)")
    repository_name(name)
    if reference is None:
        return Named(scope, name, None)
    by_digest = text[-len(reference) - 1] == "@"
    return Named(scope, name, Digest.parse(reference) if by_digest else tag_name(reference))
