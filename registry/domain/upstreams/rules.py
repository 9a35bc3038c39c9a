"""Pull through cache rules: which repositories are filled from which upstream registry.

A rule is for all names below its prefix; the longest prefix counts, and `ROOT` where no other
does. Behind the prefix stands the upstream's own name, below the rule's upstream prefix.

Source: ECR User Guide, "Using pull through cache rules", "Customizing repository prefixes for
ECR to ECR pull through cache"; ECR API reference, CreatePullThroughCacheRule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import pull_through_rules as table
from registry.domain.templates import ROOT, plain
from registry.values.fetching import RuleExists, RuleNotFound

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, as stored."""

    prefix: str
    """Without the slash that is always assumed behind it."""
    url: str
    """The upstream: `host[:port]`."""
    registry: str | None
    """AWS's name for the upstream, where it has one."""
    credential_arn: str | None
    custom_role_arn: str | None
    upstream_prefix: str
    """`ROOT`, or empty where none was given, for all names of the upstream."""
    created_at: datetime
    updated_at: datetime

    @property
    def reaches_all(self) -> bool:
        """Whether it is for every name that the upstream has."""
        return self.upstream_prefix in ("", ROOT)

    def upstream_name(self, name: str) -> str:
        """What a repository of this rule is called at the upstream."""
        rest = name if self.prefix == ROOT else name.removeprefix(f"{self.prefix}/")
        return rest if self.reaches_all else f"{self.upstream_prefix}/{rest}"

    def name_here(self, upstream_name: str) -> str | None:
        """The reverse; None for a name that this rule does not reach."""
        rest = upstream_name
        if not self.reaches_all:
            rest = upstream_name.removeprefix(f"{self.upstream_prefix}/")
            if rest == upstream_name:
                return None
        return rest if self.prefix == ROOT else f"{self.prefix}/{rest}"


class Rules:
    """Create, find, change, delete."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def create(self, scope: Scope, rule: Rule) -> Rule:
        """Keep a new one. Raises RuleExists."""
        with self._database.write() as connection:
            if _find(connection, scope, rule.prefix) is not None:
                raise RuleExists(
                    f"The pull through cache rule with prefix '{rule.prefix}' already exists in"
                    f" the registry with id '{scope.account}'"
                )
            row = {"account": scope.account, "region": scope.region, **_row(rule)}
            connection.execute(sa.insert(table).values(row))
        return rule

    def update(self, scope: Scope, prefix: str, changed: Mapping[str, Any]) -> Rule:
        """Change members and keep the rest. Raises RuleNotFound."""
        with self._database.write() as connection:
            old = _existing(connection, scope, prefix)
            new = replace(old, **changed, updated_at=datetime.now(UTC))
            connection.execute(sa.update(table).where(*_named(scope, prefix)).values(_row(new)))
        return new

    def delete(self, scope: Scope, prefix: str) -> Rule:
        """Forget it; what it was. Raises RuleNotFound."""
        with self._database.write() as connection:
            old = _existing(connection, scope, prefix)
            connection.execute(sa.delete(table).where(*_named(scope, prefix)))
        return old

    def get(self, scope: Scope, prefix: str) -> Rule:
        """The one of that prefix. Raises RuleNotFound."""
        with self._database.read() as connection:
            return _existing(connection, scope, prefix)

    def page(self, scope: Scope, after: str, limit: int) -> list[Rule]:
        """At most `limit` by prefix, beginning behind `after`."""
        query = (
            sa.select(table)
            .where(*_in(scope), table.c.prefix > after)
            .order_by(table.c.prefix)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_rule(row) for row in connection.execute(query)]

    def every(self, scope: Scope) -> Mapping[str, Rule]:
        """All of a registry, by prefix. Quick: asked at each pull."""
        return self._cache.get(("pull through rules", scope), lambda: self._load(scope))

    def covering(self, scope: Scope, name: str) -> Rule | None:
        """The rule that a repository's name falls under. Quick."""
        rules = self.every(scope)
        if not rules:
            return None
        parts = name.split("/")
        for count in range(len(parts) - 1, 0, -1):
            found = rules.get("/".join(parts[:count]))
            if found is not None:
                return found
        return rules.get(ROOT)

    def _load(self, scope: Scope) -> dict[str, Rule]:
        with self._database.read() as connection:
            found = [_rule(row) for row in connection.execute(sa.select(table).where(*_in(scope)))]
        return {rule.prefix: rule for rule in found}


def _existing(connection: sa.Connection, scope: Scope, prefix: str) -> Rule:
    found = _find(connection, scope, prefix)
    if found is None:
        raise RuleNotFound(
            f"The pull through cache rule with prefix '{plain(prefix)}' does not exist in the"
            f" registry with id '{scope.account}'"
        )
    return found


def _find(connection: sa.Connection, scope: Scope, prefix: str) -> Rule | None:
    row = connection.execute(sa.select(table).where(*_named(scope, prefix))).first()
    return None if row is None else _rule(row)


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.account == scope.account, table.c.region == scope.region


def _named(scope: Scope, prefix: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_in(scope), table.c.prefix == plain(prefix))


def _row(rule: Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in Rule.__dataclass_fields__}


def _rule(row: sa.Row[Any]) -> Rule:
    return Rule(**{name: getattr(row, name) for name in Rule.__dataclass_fields__})
