"""Events of what was brought from upstreams, and of what could not be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from registry.domain import events
from registry.domain.events.outbox import wanted as listeners
from registry.values.errors import MoorageError, UpstreamBusy, UpstreamDenied

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.upstreams.rules import Rule
    from registry.values.digest import Digest


class Telling:
    """Records them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def brought(
        self, repository: Repository, rule: Rule, digest: Digest, tag: str | None
    ) -> Callable[[sa.Connection], None]:
        """What records, in the transaction that keeps an image, that it came from upstream."""

        def record(connection: sa.Connection) -> None:
            events.pulled_through(
                connection, repository, rule.prefix, rule.url, digest=str(digest), tag=tag
            )

        return record

    def failed(
        self, repository: Repository, rule: Rule, reference: Digest | str, error: MoorageError
    ) -> None:
        """Record that it could not be brought; nothing is written where nobody listens."""
        with self._database.read() as connection:
            if not listeners(connection, repository.scope):
                return
        tag = reference if isinstance(reference, str) else None
        digest = None if tag is not None else str(reference)
        with self._database.write() as connection:
            events.pulled_through(
                connection,
                repository,
                rule.prefix,
                rule.url,
                digest=digest,
                tag=tag,
                failure=(_code(error), str(error)),
            )


def _code(error: MoorageError) -> str:
    """As ECR's ImageFailureCode has it."""
    if isinstance(error, UpstreamBusy):
        return "UpstreamTooManyRequests"
    return "UpstreamAccessDenied" if isinstance(error, UpstreamDenied) else "UpstreamUnavailable"
