"""What lets a client open a session: a token, good once and for a minute.

The process that is asked for a session need not be the one that is connected to; so they are
rows. Of a token only its hash is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.ecs.errors import client_error
from registry.ecs.store.tables import session_tickets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.database.database import Database

SECONDS = 60.0
"""How long a token that nobody used is good."""
WAITING_MAX = 1000
"""Tokens that may be out at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a session is to run."""

    task_arn: str
    container: str
    """Its name."""
    runtime_id: str
    arguments: Sequence[str]
    principal: str
    """The ARN of who asked."""


class Tickets:
    """The tokens that are out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(self, wanted: Wanted) -> tuple[str, str]:
        """The id of a new session and its token. Raises ServiceError where too many are out."""
        number = f"ecs-execute-command-{secrets.token_hex(9)[:17]}"
        token = secrets.token_urlsafe(96)
        now = datetime.now(UTC)
        values = {
            "id": number,
            "digest": _digest(token),
            "document": {
                "taskArn": wanted.task_arn,
                "container": wanted.container,
                "runtimeId": wanted.runtime_id,
                "arguments": list(wanted.arguments),
                "principal": wanted.principal,
            },
            "expires_at": now + timedelta(seconds=SECONDS),
        }
        counted = sa.select(sa.func.count()).select_from(session_tickets)
        with self._database.write() as connection:
            late = session_tickets.c.expires_at <= now
            connection.execute(sa.delete(session_tickets).where(late))
            if (connection.execute(counted).scalar() or 0) >= WAITING_MAX:
                raise client_error("Too many sessions wait for their client. Try again later.")
            connection.execute(sa.insert(session_tickets).values(values))
        return number, token

    def redeem(self, number: str, token: str) -> Wanted | None:
        """What the session of that id is to run, to whoever has its token; once."""
        mine = sa.and_(
            session_tickets.c.id == number,
            session_tickets.c.digest == _digest(token),
            session_tickets.c.expires_at > datetime.now(UTC),
        )
        statement = sa.delete(session_tickets).where(mine).returning(session_tickets.c.document)
        with self._database.write() as connection:
            found = connection.execute(statement).scalar()
        if found is None:
            return None
        return Wanted(
            found["taskArn"],
            found["container"],
            found["runtimeId"],
            found["arguments"],
            found["principal"],
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
