"""Policies that name a user or role, when that is renamed or deleted.

As at AWS, a policy stands by the very user or role that it named: it follows a new name, and
where one was deleted its unique id stays, which is nobody's name. Whoever is made later under
the old name is not trusted.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "IAM user principals".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from registry.database.schema import registry_settings, repository_policies, roles

_PLACES = (
    (roles, roles.c.trust_policy),
    (repository_policies, repository_policies.c.document),
    (registry_settings, registry_settings.c.value),
)
"""Where policies with principals are kept."""


def rename_principal(connection: sa.Connection, arn: str, new: str) -> None:
    """Put `new`, another ARN or a unique id, in the place of the ARN in all policies."""
    for table, column in _PLACES:
        keys = list(table.primary_key.columns)
        # A backslash may hide it: JSON can write any letter in several ways.
        may = sa.or_(sa.func.instr(column, arn) > 0, sa.func.instr(column, "\\") > 0)
        query = sa.select(*keys, column).where(may)
        for *key, text in connection.execute(query).all():
            changed = renamed(text, arn, new)
            if changed is not None:
                found = sa.and_(*(each == value for each, value in zip(keys, key, strict=True)))
                connection.execute(sa.update(table).where(found).values({column: changed}))


def renamed(text: str, arn: str, new: str) -> str | None:
    """The policy with `new` where a principal was the ARN; None where none is, or no policy is."""
    document = json.loads(text)
    if not isinstance(document, dict):
        return None
    changed = [_rename(principal, arn, new) for principal in _principals(document)]
    return json.dumps(document) if any(changed) else None


def _principals(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element)
            if isinstance(principal, dict):
                yield principal


def _rename(principal: dict[str, Any], arn: str, new: str) -> bool:
    named = principal.get("AWS")
    if named == arn:
        principal["AWS"] = new
        return True
    if isinstance(named, list) and arn in named:
        principal["AWS"] = [new if each == arn else each for each in named]
        return True
    return False
