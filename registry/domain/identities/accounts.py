"""Accounts, and the administrator with whom each begins."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import access_keys, accounts, attachments, users
from registry.domain.identities.arns import KEY, USER, unique_id
from registry.domain.identities.aws_managed import PREFIX
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.identities.secrets import Secrets

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class NewKey:
    """An access key at the one moment when its owner sees the secret."""

    id: str
    user_name: str
    secret: str = field(repr=False)
    created_at: datetime


def check_account(number: str) -> None:
    """Raise ParameterInvalid unless it is an account id."""
    if len(number) != 12 or not number.isascii() or not number.isdigit():
        raise ParameterInvalid(f"{number!r} is no account id: 12 digits")


class Accounts:
    """Create and list."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def bootstrap(self, account: str, keep: Callable[[NewKey], None]) -> NewKey | None:
        """The administrator's key of an account that is new, else None.

        `keep` writes the key down before it counts, so that no crash can lose its secret.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            known = sa.select(accounts.c.id).where(accounts.c.id == account)
            if connection.execute(known).first() is not None:
                return None
            connection.execute(sa.insert(accounts).values(id=account, created_at=now))
            user_id = insert_user(connection, account, ADMINISTRATOR)
            connection.execute(
                sa.insert(attachments).values(
                    owner_id=user_id, policy_arn=PREFIX + "AdministratorAccess", at=now
                )
            )
            key = insert_key(connection, self._secrets, user_id, ADMINISTRATOR)
            keep(key)
        return key

    def new_key(self, user_id: str, user_name: str, keep: Callable[[NewKey], None]) -> NewKey:
        """Another access key of a user; `keep` as for `bootstrap`."""
        with self._database.write() as connection:
            key = insert_key(connection, self._secrets, user_id, user_name)
            keep(key)
        return key

    def list(self) -> list[str]:
        """All account ids."""
        with self._database.read() as connection:
            return list(connection.execute(sa.select(accounts.c.id).order_by("id")).scalars())


def insert_user(
    connection: sa.Connection,
    account: str,
    name: str,
    *,
    path: str = "/",
    tags: Mapping[str, str] | None = None,
    boundary: str | None = None,
) -> str:
    """A new active user; its unique id."""
    user_id = unique_id(USER)
    connection.execute(
        sa.insert(users).values(
            id=user_id,
            account=account,
            path=path,
            name=name,
            boundary=boundary,
            tags=dict(tags or {}),
            active=True,
            created_at=datetime.now(UTC),
        )
    )
    return user_id


def insert_key(connection: sa.Connection, secrets: Secrets, user_id: str, user_name: str) -> NewKey:
    """A new active access key of the user."""
    key_id = unique_id(KEY)[:20]
    key = NewKey(key_id, user_name, random.token_urlsafe(30), datetime.now(UTC))
    connection.execute(
        sa.insert(access_keys).values(
            id=key.id,
            user_id=user_id,
            secret=secrets.seal(key.id, key.secret),
            active=True,
            created_at=key.created_at,
        )
    )
    return key
