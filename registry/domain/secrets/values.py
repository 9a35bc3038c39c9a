"""The values of secrets, version by version, sealed under the secret's key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import kept_secrets as table
from registry.database.schema import secret_versions as versions
from registry.domain.secrets.errors import (
    CURRENT,
    SecretExists,
    SecretMissing,
    StageMismatch,
    TooManyVersions,
)
from registry.domain.secrets.rows import Secret, Version, set_stages, versions_of
from registry.domain.secrets.secrets import now
from registry.domain.secrets.stages import moved, staged

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.vault import Vault

UTF8 = ("utf-8", "surrogatepass")
"""How texts become bytes: a client may send half a surrogate pair."""
VERSIONS_MAX = 100
_DEPRECATED = timedelta(hours=24)
"""For how long a version without a stage is kept, whatever the number of versions."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a version says."""

    kind: str
    """string or binary."""
    content: bytes = field(repr=False)


class Values:
    """Puts and gives them."""

    def __init__(
        self, database: Database, vault: Vault, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def all(self, secret: Secret) -> list[Version]:
        """All versions, the oldest first."""
        with self._database.read() as connection:
            return versions_of(connection, secret.id)

    def version(self, secret: Secret, version: str | None, stage: str | None) -> Version:
        """The version that is meant, the current one if nothing is said.

        Raises SecretMissing, StageMismatch.
        """
        found = self.all(secret)
        if version is None:
            wanted = stage or CURRENT
            for each in found:
                if wanted in each.stages:
                    return each
            raise SecretMissing(f"staging label: {wanted}")
        for each in found:
            if each.id == version:
                if stage is not None and stage not in each.stages:
                    raise StageMismatch
                return each
        raise SecretMissing(f"VersionId: {version}")

    def open(self, secret: Secret, version: Version) -> Value:
        """What a version says. Raises KeyNotFound, KeyUnavailable, Damaged."""
        name = _seal_name(secret, version.id)
        return Value(version.kind, self._vault.open(version.key_id, version.sealed, name))

    def put(
        self,
        secret: Secret,
        version: str,
        value: Value,
        key_id: str,
        stages: Sequence[str] | None = None,
    ) -> tuple[str, ...]:
        """Keep a value as a version; the stages that it has then.

        A version that is there with the same value stays as it is. Raises SecretExists for
        another value, SecretMissing, TooManyVersions, KeyNotFound, KeyUnavailable.
        """
        if (there := self._same(secret, version, value)) is not None:
            return there.stages
        sealed = self._vault.seal(key_id, value.content, _seal_name(secret, version))
        moment = self._clock()
        row = {
            "kept_secret_id": secret.id,
            "version": version,
            "kind": value.kind,
            "value": sealed,
            "key_id": key_id,
            "stages": [],
            "created_at": moment,
        }
        with self._database.write() as connection:
            # Versions of one secret are made one after the other; the first of an id stays.
            before = versions_of(connection, secret.id)
            if any(each.id == version for each in before):
                raise in_use(secret, version)
            self._make_room(connection, secret, before)
            connection.execute(sa.insert(versions).values(row))
            wanted = (CURRENT,) if stages is None else tuple(stages)
            before = versions_of(connection, secret.id)
            after = staged({each.id: each.stages for each in before}, version, wanted)
            set_stages(connection, secret.id, before, after)
            mine = sa.update(table).where(table.c.id == secret.id)
            connection.execute(mine.values(changed_at=moment))
        return after[version]

    def reseal(self, secret: Secret, version: Version, key_id: str) -> None:
        """Keep a version under another key. Raises KeyNotFound, KeyUnavailable, Damaged."""
        content = self.open(secret, version).content
        sealed = self._vault.seal(key_id, content, _seal_name(secret, version.id))
        update = sa.update(versions).where(
            versions.c.kept_secret_id == secret.id, versions.c.version == version.id
        )
        with self._database.write() as connection:
            connection.execute(update.values(value=sealed, key_id=key_id))

    def move(self, secret: Secret, stage: str, *, source: str | None, target: str | None) -> None:
        """Move a stage between versions. Raises StageInvalid, SecretMissing."""
        with self._database.write() as connection:
            before = versions_of(connection, secret.id)
            stages = {each.id: each.stages for each in before}
            after = moved(stages, stage, source=source, target=target)
            set_stages(connection, secret.id, before, after)
            mine = sa.update(table).where(table.c.id == secret.id)
            connection.execute(mine.values(changed_at=self._clock()))

    def _same(self, secret: Secret, version: str, value: Value) -> Version | None:
        for each in self.all(secret):
            if each.id == version:
                there = self.open(secret, each)
                if there.kind != value.kind or not hmac.compare_digest(
                    there.content, value.content
                ):
                    raise in_use(secret, version)
                return each
        return None

    def _make_room(
        self, connection: sa.Connection, secret: Secret, before: Sequence[Version]
    ) -> None:
        if len(before) < VERSIONS_MAX:
            return
        limit = self._clock() - _DEPRECATED
        old = [each.id for each in before if not each.stages and each.created_at < limit]
        if not old:
            raise TooManyVersions(f"A secret can have at most {VERSIONS_MAX} versions in a day.")
        connection.execute(
            sa.delete(versions).where(
                versions.c.kept_secret_id == secret.id, versions.c.version.in_(old)
            )
        )


def in_use(secret: Secret, version: str) -> SecretExists:
    """The error of an id that a version with another value has."""
    return SecretExists(
        f"You can't use ClientRequestToken {version} because that value is already in use for a"
        f" version of secret {secret.arn}."
    )


def _seal_name(secret: Secret, version: str) -> str:
    # A client chooses the version's id, of any letters; the name of a seal is ASCII.
    return f"secret/{secret.id}/{hashlib.sha256(version.encode(*UTF8)).hexdigest()}"
