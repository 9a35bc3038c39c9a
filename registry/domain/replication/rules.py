"""A registry's replication configuration, asked about one repository.

Source: ECR API reference, ReplicationConfiguration and its parts; ECR User Guide, "Private image
replication".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import registry_settings
from registry.domain.registries import REPLICATION
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Rule = dict[str, Any]


def rules(connection: sa.Connection, scope: Scope) -> list[Rule]:
    """The rules of a registry as they are in this transaction."""
    table = registry_settings.c
    query = sa.select(table.value).where(
        table.account == scope.account, table.region == scope.region, table.name == REPLICATION
    )
    text = connection.execute(query).scalar()
    return [] if text is None else list(json.loads(text)["rules"])


def destinations(found: list[Rule], name: str, *, deletions: bool = False) -> list[Scope]:
    """Where images of the repository go, each once; with `deletions`, where they are deleted."""
    matching = (rule for rule in found if applies(rule, name))
    scopes = (
        scope
        for rule in matching
        if not deletions or rule.get("deleteReplication", {}).get("enabled", False)
        for scope in scopes_of(rule)
    )
    return list(dict.fromkeys(scopes))


def applies(rule: Mapping[str, Any], name: str) -> bool:
    """Whether the rule is about the repository; one without filters is about all."""
    filters = rule.get("repositoryFilters") or ()
    return not filters or any(name.startswith(each["filter"]) for each in filters)


def scopes_of(rule: Mapping[str, Any]) -> Iterator[Scope]:
    """The rule's destinations."""
    return (Scope(each["registryId"], each["region"]) for each in rule["destinations"])
