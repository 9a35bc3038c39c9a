"""Secrets by name, sealed under the keyring: the credentials of upstream registries.

Each has an ARN as Secrets Manager gives it, so that what names one need not change when a
service of that name serves them.

Source: Secrets Manager User Guide, "What's in a secret" (the six characters behind the name
keep an ARN from meaning a later secret of the same name); ECR User Guide, "Storing your upstream
repository credentials in an AWS Secrets Manager secret".
"""

from __future__ import annotations

import os
import secrets as random
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.database.schema import secrets as table
from registry.values.digest import shown
from registry.values.errors import SecretDamaged, SecretInaccessible, SecretNotFound

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.values.scope import Scope

Others = Callable[["Scope", str], str | None]
"""The value of a secret that is kept elsewhere, by its ARN; None where there is none."""

_NONCE = 12
_LETTERS = string.ascii_letters + string.digits
_ACCOUNT, _REGION = 4, 3


@dataclass(frozen=True, slots=True)
class Secret:
    """What may be told of a secret."""

    arn: str
    name: str
    created_at: datetime
    updated_at: datetime


class Secrets:
    """Put, read, list, remove."""

    def __init__(
        self, database: Database, key: bytes, others: Others = lambda _scope, _arn: None
    ) -> None:
        """`key` is 32 bytes; `others` gives the values of Secrets Manager."""
        self._database = database
        self._others = others
        self._cipher = AESGCM(key)

    def put(self, scope: Scope, name: str, value: str) -> Secret:
        """Keep a value under a name; one that is there gets the new value and keeps its ARN."""
        now = datetime.now(UTC)
        with self._database.write() as connection:
            row = connection.execute(sa.select(table).where(*_named(scope, name))).first()
            arn = _new_arn(scope, name) if row is None else str(row.arn)
            values = {"value": self._seal(arn, value), "updated_at": now}
            if row is None:
                where = {"arn": arn, "account": scope.account, "region": scope.region}
                values |= {**where, "name": name, "created_at": now}
                connection.execute(sa.insert(table).values(values))
            else:
                connection.execute(sa.update(table).where(table.c.arn == arn).values(values))
        return Secret(arn, name, now if row is None else row.created_at, now)

    def get(self, scope: Scope, arn: str) -> str:
        """The value. Raises SecretInaccessible, SecretNotFound, SecretDamaged."""
        parts = arn.split(":")
        if (parts[_ACCOUNT], parts[_REGION]) != (scope.account, scope.region):
            raise SecretInaccessible(
                f"The secret {shown(arn)} is not in the registry's account and region"
            )
        with self._database.read() as connection:
            sealed = connection.execute(sa.select(table.c.value).where(table.c.arn == arn)).scalar()
        if sealed is None and (other := self._others(scope, arn)) is not None:
            return other
        if sealed is None:
            raise SecretNotFound(f"The secret with the ARN {shown(arn)} was not found")
        return self._open(arn, sealed)

    def list(self, scope: Scope) -> list[Secret]:
        """All of an account in a region, by name."""
        query = sa.select(table).where(*_in(scope)).order_by(table.c.name)
        with self._database.read() as connection:
            return [_secret(row) for row in connection.execute(query)]

    def remove(self, scope: Scope, name: str) -> Secret:
        """Forget it; what it was. Raises SecretNotFound."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(table).where(*_named(scope, name))).first()
            if row is None:
                raise SecretNotFound(f"there is no secret {shown(name)}")
            connection.execute(sa.delete(table).where(table.c.arn == row.arn))
        return _secret(row)

    def _seal(self, arn: str, value: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value.encode(), arn.encode())

    def _open(self, arn: str, sealed: bytes) -> str:
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], arn.encode()).decode()
        except InvalidTag:
            raise SecretDamaged(f"The secret {shown(arn)} was not sealed by this keyring") from None


def _new_arn(scope: Scope, name: str) -> str:
    suffix = "".join(random.choice(_LETTERS) for _ in range(6))
    return f"arn:aws:secretsmanager:{scope.region}:{scope.account}:secret:{name}-{suffix}"


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.account == scope.account, table.c.region == scope.region


def _named(scope: Scope, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_in(scope), table.c.name == name)


def _secret(row: sa.Row[Any]) -> Secret:
    return Secret(row.arn, row.name, row.created_at, row.updated_at)
