"""Secrets: make, find, list, change, delete later, bring back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import kept_secrets as table
from registry.database.schema import secret_versions as versions
from registry.domain.secrets.errors import (
    NameTaken,
    SecretDeleted,
    SecretExists,
    SecretMissing,
    TooManyTags,
)
from registry.domain.secrets.names import is_arn, located, new_arn
from registry.domain.secrets.rows import Secret, named, secret_of

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.values.scope import Scope

TAGS_MAX = 50
Change = Callable[[dict[str, str]], Mapping[str, str]]


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """What a secret begins with."""

    name: str
    description: str | None = None
    kms_key: str | None = None
    type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Secrets:
    """All secrets of a server, without their values."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def find(self, scope: Scope, secret_id: str) -> Secret | None:
        """The secret of a name, an ARN, or an ARN without its last seven characters."""
        place, name = located(scope, secret_id)
        exact = sa.select(table).where(table.c.arn == secret_id)
        with self._database.read() as connection:
            row = connection.execute(exact).first() if is_arn(secret_id) else None
            row = row or connection.execute(named(place, name)).first()
        return None if row is None else secret_of(row)

    def get(self, scope: Scope, secret_id: str) -> Secret:
        """The same, unless it is to be deleted. Raises SecretMissing, SecretDeleted."""
        found = self.known(scope, secret_id)
        if found.deleted_at is not None:
            raise SecretDeleted
        return found

    def known(self, scope: Scope, secret_id: str) -> Secret:
        """The same, even then. Raises SecretMissing."""
        found = self.find(scope, secret_id)
        if found is None:
            raise SecretMissing
        return found

    def all(self, scope: Scope) -> list[Secret]:
        """All of an account in a region, by name."""
        query = sa.select(table).where(
            table.c.account == scope.account, table.c.region == scope.region
        )
        with self._database.read() as connection:
            return [secret_of(row) for row in connection.execute(query.order_by(table.c.name))]

    def create(self, scope: Scope, new: NewSecret) -> Secret:
        """Raises SecretExists, NameTaken, TooManyTags."""
        _check_tags(new.tags)
        moment = self._clock()
        row: dict[str, Any] = {
            "arn": new_arn(scope, new.name),
            "account": scope.account,
            "region": scope.region,
            "name": new.name,
            "description": new.description,
            "kms_key": new.kms_key,
            "type": new.type,
            "tags": dict(new.tags),
            "created_at": moment,
            "changed_at": moment,
        }
        with self._database.write() as connection:
            there = connection.execute(named(scope, new.name)).first()
            if there is not None:
                raise NameTaken if there.deleted_at is not None else exists(new.name)
            connection.execute(sa.insert(table).values(row))
            return secret_of(connection.execute(named(scope, new.name)).one())

    def change(self, secret: Secret, **values: Any) -> None:
        """Keep other values of its columns. Raises SecretMissing."""
        update = sa.update(table).where(table.c.id == secret.id)
        with self._database.write() as connection:
            changed = update.values(changed_at=self._clock(), **values)
            if connection.execute(changed).rowcount == 0:
                raise SecretMissing

    def tag(self, secret: Secret, change: Change) -> None:
        """Keep what `change` makes of its tags. Raises SecretMissing, TooManyTags."""
        query = sa.select(table.c.tags).where(table.c.id == secret.id)
        with self._database.write() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise SecretMissing
            tags = dict(change(dict(row.tags)))
            _check_tags(tags)
            update = sa.update(table).where(table.c.id == secret.id)
            connection.execute(update.values(tags=tags, changed_at=self._clock()))

    def delete(self, secret: Secret, days: int | None) -> datetime:
        """Delete it after so many days, or now; when. Raises SecretMissing."""
        moment = self._clock()
        purge = moment + timedelta(days=days or 0)
        with self._database.write() as connection:
            mine = table.c.id == secret.id
            if days is None:
                connection.execute(sa.delete(table).where(mine))
                return purge
            update = sa.update(table).where(mine)
            if connection.execute(update.values(deleted_at=moment, purge_at=purge)).rowcount == 0:
                raise SecretMissing
        return purge

    def restore(self, secret: Secret) -> None:
        """Keep it after all. Raises SecretMissing."""
        self.change(secret, deleted_at=None, purge_at=None)

    def purge(self) -> int:
        """Delete the secrets whose day has come; how many."""
        due = sa.and_(table.c.purge_at.is_not(None), table.c.purge_at <= self._clock())
        with self._database.read() as connection:
            if connection.execute(sa.select(table.c.id).where(due).limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            return connection.execute(sa.delete(table).where(due)).rowcount

    def accessed(self, secret: Secret, version: str) -> None:
        """Remember the day on which somebody read a version; at most one write a day."""
        day = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        if secret.accessed_at == day:
            return
        with self._database.write() as connection:
            mine = sa.update(table).where(table.c.id == secret.id)
            connection.execute(mine.values(accessed_at=day))
            its = sa.update(versions).where(
                versions.c.kept_secret_id == secret.id, versions.c.version == version
            )
            connection.execute(its.values(accessed_at=day))


def exists(name: str) -> SecretExists:
    """The error of a name that is in use."""
    return SecretExists(f"The operation failed because the secret {name} already exists.")


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise TooManyTags(f"A secret can have at most {TAGS_MAX} tags.")
