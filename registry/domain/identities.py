"""Users and their access keys.

Source: IAM User Guide, "IAM identifiers" (the AIDA and AKIA prefixes) and "Managing access
keys". A secret access key is kept only as the signature check needs it, sealed under the
keyring; its owner sees it once.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.database.schema import access_keys, user_policies, users
from registry.values.errors import Damaged, NotFound, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.database.database import Cache, Database

ADMINISTRATOR = "admin"
ADMINISTRATOR_ACCESS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)
"""AWS's managed policy of that name."""

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class User:
    """A user who may act now."""

    id: str
    account: str
    name: str
    policies: tuple[tuple[str, str], ...] = ()
    """Names and texts of the identity policies."""

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key with its secret."""

    id: str
    user: User
    secret: str = field(repr=False)


class Identities:
    """Create users and keys, find who acts, end their rights at once on every worker."""

    def __init__(self, database: Database, cache: Cache, sealing_key: bytes) -> None:
        self._database = database
        self._cache = cache
        self._cipher = AESGCM(sealing_key)

    def bootstrap(self, account: str, keep: Callable[[AccessKey], None]) -> AccessKey | None:
        """The administrator of an account that has no user yet, else None.

        `keep` writes the new key down before it counts, so that no crash can lose its secret.
        """
        known = sa.select(users.c.id).where(users.c.account == account).limit(1)
        user = _new_user(account, ADMINISTRATOR, {"AdministratorAccess": ADMINISTRATOR_ACCESS})
        key = _new_key(user)
        with self._database.write() as connection:
            if connection.execute(known).first() is not None:
                return None
            _insert_user(connection, user)
            self._insert_key(connection, key)
            keep(key)
        return key

    def create_user(self, account: str, name: str, policies: Mapping[str, str]) -> User:
        """A new user with inline policies. Raises ParameterInvalid if the name is taken."""
        user = _new_user(account, name, policies)
        with self._database.write() as connection:
            taken = sa.select(users.c.id).where(users.c.account == account, users.c.name == name)
            if connection.execute(taken).first() is not None:
                raise ParameterInvalid(f"the user {name!r} exists already")
            _insert_user(connection, user)
        return user

    def create_access_key(self, user: User) -> AccessKey:
        """A new active key of the user."""
        key = _new_key(user)
        with self._database.write() as connection:
            self._insert_key(connection, key)
        return key

    def named(self, account: str, name: str) -> User | None:
        """The user of that name, if active."""
        query = sa.select(users.c.id).where(users.c.account == account, users.c.name == name)
        with self._database.read() as connection:
            user_id = connection.execute(query).scalar()
        return None if user_id is None else self.user(user_id)

    def access_key(self, key_id: str) -> AccessKey | None:
        """The key, if it and its user are active."""
        return self._cache.get(("access key", key_id), lambda: self._find_key(key_id))

    def user(self, user_id: str) -> User | None:
        """The user, if active."""
        return self._cache.get(("user", user_id), lambda: self._find_user(user_id))

    def set_user_active(self, user_id: str, *, active: bool) -> None:
        """Allow or end everything of a user: signatures and tokens. Raises NotFound."""
        self._set(users, user_id, active)

    def set_key_active(self, key_id: str, *, active: bool) -> None:
        """Allow or end an access key and the tokens got with it. Raises NotFound."""
        self._set(access_keys, key_id, active)

    def _set(self, table: sa.Table, row_id: str, active: bool) -> None:
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(table).where(table.c.id == row_id).values(active=active)
            )
            if changed.rowcount == 0:
                raise NotFound(f"{row_id} does not exist")

    def _find_key(self, key_id: str) -> AccessKey | None:
        query = sa.select(access_keys).where(access_keys.c.id == key_id, access_keys.c.active)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        user = self._find_user(row.user_id) if row is not None else None
        if row is None or user is None:
            return None
        return AccessKey(row.id, user, self._open(row.id, row.secret))

    def _find_user(self, user_id: str) -> User | None:
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(users).where(users.c.id == user_id, users.c.active)
            ).first()
            if row is None:
                return None
            found: list[sa.Row[Any]] = list(
                connection.execute(
                    sa.select(user_policies.c.name, user_policies.c.document)
                    .where(user_policies.c.user_id == user_id)
                    .order_by(user_policies.c.name)
                )
            )
        return User(row.id, row.account, row.name, tuple((p.name, p.document) for p in found))

    def _insert_key(self, connection: sa.Connection, key: AccessKey) -> None:
        connection.execute(
            sa.insert(access_keys).values(
                id=key.id,
                user_id=key.user.id,
                secret=self._seal(key.id, key.secret),
                active=True,
                created_at=datetime.now(UTC),
            )
        )

    def _seal(self, key_id: str, secret: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), key_id.encode())

    def _open(self, key_id: str, sealed: bytes) -> str:
        try:
            secret = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key_id.encode())
        except InvalidTag:
            raise Damaged(f"access key {key_id} was not sealed by this keyring") from None
        return secret.decode()


def _new_user(account: str, name: str, policies: Mapping[str, str]) -> User:
    return User(_unique("AIDA"), account, name, tuple(policies.items()))


def _new_key(user: User) -> AccessKey:
    return AccessKey(_unique("AKIA"), user, secrets.token_urlsafe(30))


def _insert_user(connection: sa.Connection, user: User) -> None:
    connection.execute(
        sa.insert(users).values(
            id=user.id,
            account=user.account,
            name=user.name,
            active=True,
            created_at=datetime.now(UTC),
        )
    )
    for policy, document in user.policies:
        row = {"user_id": user.id, "name": policy, "document": document}
        connection.execute(sa.insert(user_policies).values(row))


def _unique(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(16))
