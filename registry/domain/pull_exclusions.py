"""Principals whose pulls do not count: scanners, mirrors, backups.

Source: ECR API reference, RegisterPullTimeUpdateExclusion and its like.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import pull_time_exclusions
from registry.values.errors import ExclusionExists, ExclusionNotFound, LimitExceeded

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.domain.identities.identity import Identity
    from registry.values.scope import Scope

MOST = 100
"""Principals of one registry (the model's PullTimeUpdateExclusionList)."""

_table = pull_time_exclusions.c


class PullExclusions:
    """Registers, lists, and tells whom it concerns."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def register(self, scope: Scope, principal_arn: str) -> datetime:
        """Let the pulls of a user, or of a role's sessions, not count; since when.

        Raises ExclusionExists, LimitExceeded.
        """
        now = datetime.now(UTC)
        row = {"account": scope.account, "region": scope.region, "principal_arn": principal_arn}
        with self._database.write() as connection:
            known = set(connection.execute(_arns(scope)).scalars())
            if principal_arn in known:
                raise ExclusionExists(
                    f"The pull time update exclusion for '{principal_arn}' already exists in the"
                    f" registry with id '{scope.account}'"
                )
            if len(known) >= MOST:
                raise LimitExceeded(
                    f"The registry with id '{scope.account}' has {MOST} pull time update"
                    " exclusions, which is the most"
                )
            connection.execute(sa.insert(pull_time_exclusions).values(**row, created_at=now))
        return now

    def deregister(self, scope: Scope, principal_arn: str) -> None:
        """Let its pulls count again. Raises ExclusionNotFound."""
        mine = (*_in(scope), _table.principal_arn == principal_arn)
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(pull_time_exclusions).where(*mine))
        if gone.rowcount == 0:
            raise ExclusionNotFound(
                f"The pull time update exclusion for '{principal_arn}' does not exist in the"
                f" registry with id '{scope.account}'"
            )

    def page(self, scope: Scope, after: str, limit: int) -> list[str]:
        """At most `limit` ARNs in byte order, beginning behind `after`."""
        query = _arns(scope).where(_table.principal_arn > after)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(_table.principal_arn).limit(limit))
            return list(found.scalars())

    def cover(self, scope: Scope, identity: Identity | None) -> bool:
        """Whether a pull by this caller does not count; an anonymous one always does.

        Asked at every pull: answered from memory while nothing is written.
        """
        if identity is None:
            return False
        excluded = self._cache.get(("exclusions", scope), lambda: self._load(scope))
        return identity.arn in excluded or identity.role_arn in excluded

    def _load(self, scope: Scope) -> frozenset[str]:
        with self._database.read() as connection:
            return frozenset(connection.execute(_arns(scope)).scalars())


def _arns(scope: Scope) -> sa.Select[Any]:
    return sa.select(_table.principal_arn).where(*_in(scope))


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return _table.account == scope.account, _table.region == scope.region
