"""Repositories: what a team creates first, and what everything else belongs to."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, repositories, repository_policies
from registry.domain import blobs, events, upload_rows
from registry.domain.access import UNGUARDED, Guarded
from registry.domain.identities.identity import Document
from registry.domain.key_choice import KeyChoice
from registry.domain.leftovers import discard
from registry.domain.lifecycle import policies as lifecycle_policies
from registry.domain.public.registries import refuse_hidden
from registry.domain.quotas import require_repository_room
from registry.domain.shadows import RESTING
from registry.values.errors import (
    RepositoryExists,
    RepositoryNotEmpty,
    RepositoryNotFound,
    RepositoryPolicyNotFound,
    Vanished,
)
from registry.values.reference import repository_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry.database.database import Cache, Database
    from registry.domain.key_choice import Lent
    from registry.domain.resting import Removal
    from registry.domain.vault import Vault
    from registry.keys.provider import KeyProvider


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, as stored."""

    id: int
    scope: Scope
    name: str
    mutability: str
    exclusions: tuple[str, ...]
    encryption_type: str
    key_id: str
    scan_on_push: bool
    resource_tags: tuple[tuple[str, str], ...]
    created_at: datetime

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.scope.repository_arn(self.name)

    def fixes(self, tag: str) -> bool:
        """Whether the tag, once set, stays on its digest.

        Source: ECR API reference, PutImageTagMutability: the filters name the tags that
        behave the other way round.
        """
        excluded = any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.exclusions)
        return self.mutability.startswith("IMMUTABLE") != excluded


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a repository is to be encrypted: ECR's EncryptionConfiguration."""

    type: str = "AES256"
    key: str | None = None
    granted: bool = False
    """Whether somebody's right to use the key was found already."""


class Repositories:
    """Create, find, list and delete."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        vault: Vault,
        keys: KeyProvider,
        *,
        removal: Removal,
        encrypted: bool = True,
        lent: Lent = lambda _scope, _key_id: None,
    ) -> None:
        self._removal = removal
        self._database = database
        self._cache = cache
        self._vault = vault
        self._keys = keys
        self._choice = KeyChoice(keys, lent, encrypted=encrypted)

    def create(
        self,
        scope: Scope,
        name: str,
        *,
        mutability: str = "MUTABLE",
        exclusions: Sequence[str] = (),
        encryption: Encryption | None = None,
        scan_on_push: bool = False,
        resource_tags: Mapping[str, str] | None = None,
        policy: str | None = None,
        lifecycle: str | None = None,
        also: Callable[[sa.Connection, Repository], None] | None = None,
    ) -> Repository:
        """Make an empty repository; `policy` and `lifecycle` were checked before.

        `also` writes what belongs to it in the same transaction.

        Raises NameInvalid, RepositoryExists, QuotaExceeded, KeyNotFound, KeyUnavailable,
        ParameterInvalid.
        """
        repository_name(name)
        encryption = encryption or Encryption()
        key_id = self.key_of(scope, encryption)
        row: dict[str, Any] = {
            "account": scope.account,
            "region": scope.region,
            "name": name,
            "mutability": mutability,
            "mutability_exclusions": list(exclusions),
            "encryption_type": encryption.type,
            "key_id": key_id,
            "scan_on_push": scan_on_push,
            "resource_tags": dict(resource_tags or {}),
            "created_at": datetime.now(UTC),
        }
        with self._database.write() as connection:
            if connection.execute(_named(scope, name)).first() is not None:
                raise RepositoryExists(
                    f"The repository with name '{name}' already exists"
                    f" in the registry with id '{scope.account}'"
                )
            refuse_hidden(connection, scope, name)
            require_repository_room(connection, scope)
            connection.execute(sa.insert(repositories).values(row))
            made = _repository(connection.execute(_named(scope, name)).one())
            if policy is not None:
                new = {"repository_id": made.id, "document": policy}
                connection.execute(sa.insert(repository_policies).values(new))
            if lifecycle is not None:
                lifecycle_policies.put(connection, made.id, lifecycle, row["created_at"])
            if also is not None:
                also(connection, made)
            events.repository_created(connection, made)
            return made

    def get(self, scope: Scope, name: str) -> Repository:
        """The repository. Raises NameInvalid, RepositoryNotFound."""
        found = self._cache.get(("repository", scope, name), lambda: self._find(scope, name))
        if found is None:
            repository_name(name)
            raise RepositoryNotFound(name, scope.account)
        return found

    def page(self, scope: Scope, after: str, limit: int) -> list[Repository]:
        """At most `limit` repositories by name, beginning behind `after`."""
        query = (
            sa.select(repositories)
            .where(*_in(scope), repositories.c.name > after)
            .order_by(repositories.c.name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_repository(row) for row in connection.execute(query)]

    def delete(self, scope: Scope, name: str, *, force: bool = False) -> Repository:
        """Remove the repository, and with `force` all its images; or lay them to rest.

        Raises RepositoryNotFound, RepositoryNotEmpty, Protected.
        """
        with self._database.write() as connection:
            row = connection.execute(_named(scope, name)).first()
            if row is None:
                raise RepositoryNotFound(name, scope.account)
            repository = _repository(row)
            held = sa.select(images.c.id).where(images.c.repository_id == repository.id).limit(1)
            if not force and connection.execute(held).first() is not None:
                raise RepositoryNotEmpty(
                    f"The repository with name '{name}' in registry with id '{scope.account}'"
                    " cannot be deleted because it still contains images"
                )
            self._removal.refuse_repository(connection, repository)
            events.repository_deleted(connection, repository)
            waste = upload_rows.end_all(connection, repository.id)
            if not self._removal.repository(connection, repository):
                waste += blobs.unlink_all(connection, repository.id)
                gone = sa.delete(repositories).where(repositories.c.id == repository.id)
                connection.execute(gone)
        discard(self._database, self._vault, waste)
        return repository

    def guarded(self, arn: str) -> Guarded:
        """Policy and tags of the repository that an ARN names; nothing for any other ARN."""
        named = scope_and_name(arn)
        if named is None:
            return UNGUARDED
        repository = self._find(*named)
        if repository is None:
            return UNGUARDED
        with self._database.read() as connection:
            text = connection.execute(_policy(repository.id)).scalar()
        document = None if text is None else Document(f"policy of {repository.name}", text)
        return Guarded(document, repository.resource_tags)

    def policy(self, repository: Repository) -> str:
        """The text of the repository's policy. Raises RepositoryPolicyNotFound."""
        with self._database.read() as connection:
            text = connection.execute(_policy(repository.id)).scalar()
        if text is None:
            raise RepositoryPolicyNotFound(
                f"Repository policy does not exist for the repository with name"
                f" '{repository.name}' in the registry with id '{repository.scope.account}'"
            )
        return str(text)

    def set_policy(self, repository: Repository, text: str) -> None:
        """Set the policy, a document that was checked before. Raises Vanished."""
        with self._database.write() as connection:
            current(connection, repository)
            connection.execute(_without_policy(repository.id))
            connection.execute(
                sa.insert(repository_policies).values(repository_id=repository.id, document=text)
            )

    def delete_policy(self, repository: Repository) -> str:
        """Remove the policy; its text. Raises RepositoryPolicyNotFound."""
        text = self.policy(repository)
        with self._database.write() as connection:
            connection.execute(_without_policy(repository.id))
        return text

    def key_arn(self, repository: Repository) -> str | None:
        """ARN of the KMS key, None for AES256: ECR's EncryptionConfiguration.kmsKey."""
        if repository.encryption_type == "AES256":
            return None
        return self._keys.arn(repository.key_id, repository.scope)

    def _find(self, scope: Scope, name: str) -> Repository | None:
        with self._database.read() as connection:
            row = connection.execute(_named(scope, name)).first()
        return None if row is None else _repository(row)

    def key_of(self, scope: Scope, encryption: Encryption) -> str:
        """Id of the key. Raises ParameterInvalid, KeyNotFound, KeyUnavailable."""
        return self._choice.find(scope, encryption)


def _in(scope: Scope) -> Iterable[sa.ColumnElement[bool]]:
    yield repositories.c.account == scope.account
    yield repositories.c.region == scope.region


def _named(scope: Scope, name: str) -> sa.Select[Any]:
    return sa.select(repositories).where(*_in(scope), repositories.c.name == name)


def _policy(repository_id: int) -> sa.Select[Any]:
    return sa.select(repository_policies.c.document).where(
        repository_policies.c.repository_id == repository_id
    )


def _without_policy(repository_id: int) -> sa.Delete:
    return sa.delete(repository_policies).where(
        repository_policies.c.repository_id == repository_id
    )


def scope_and_name(arn: str) -> tuple[Scope, str] | None:
    """The repository that an ARN names, whether it exists or not; None for any other ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return None
    scope = Scope(parts[4], parts[3])
    kind, _, name = parts[5].partition("/")
    known = parts[:3] == ["arn", "aws", scope.service] and scope.account.isdigit()
    return (scope, name) if known and kind == "repository" and name else None


def current(connection: sa.Connection, repository: Repository) -> Repository:
    """The repository as it is in this transaction. Raises Vanished."""
    found = by_id(connection, repository.id)
    if found is None or found.scope.account == RESTING:
        raise Vanished(f"the repository '{repository.name}' was deleted in the meantime")
    return found


def find(connection: sa.Connection, scope: Scope, name: str) -> Repository | None:
    """The repository of that name, if there is one in this transaction."""
    row = connection.execute(_named(scope, name)).first()
    return None if row is None else _repository(row)


def by_id(connection: sa.Connection, repository_id: int) -> Repository | None:
    """The repository of that number."""
    query = sa.select(repositories).where(repositories.c.id == repository_id)
    row = connection.execute(query).first()
    return None if row is None else _repository(row)


def _repository(row: sa.Row[Any]) -> Repository:
    return Repository(
        id=row.id,
        scope=Scope(row.account, row.region),
        name=row.name,
        mutability=row.mutability,
        exclusions=tuple(row.mutability_exclusions),
        encryption_type=row.encryption_type,
        key_id=row.key_id,
        scan_on_push=row.scan_on_push,
        resource_tags=tuple(sorted(row.resource_tags.items())),
        created_at=row.created_at,
    )
