"""Customer-managed policies with their versions, beside those that AWS manages.

A policy is named by its ARN; that of another account does not exist here.
Source: IAM User Guide, "Managed policies and inline policies" and "Versioning IAM policies".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import policies, policy_versions
from registry.domain.identities import aws_managed
from registry.domain.identities.arns import AWS_MANAGED, POLICY, iam_arn, unique_id
from registry.domain.identities.documents import check_managed
from registry.domain.identities.entities import count, exceeded
from registry.domain.identities.tagging import with_tags, without_tags
from registry.domain.identities.usage import usages
from registry.values.errors import (
    DeleteConflict,
    Denied,
    EntityExists,
    EntityNotFound,
    LimitExceeded,
)

if TYPE_CHECKING:
    from registry.database.database import Database

QUOTA = 1500
"""Policies of one account."""
VERSIONS = 5
"""Of one policy at one time."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A managed policy, as stored."""

    arn: str
    id: str
    path: str
    name: str
    description: str
    default_version: str
    tags: Mapping[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy."""

    id: str
    document: str
    is_default: bool
    created_at: datetime


class Policies:
    """Create, get, delete, and the versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        account: str,
        name: str,
        document: str,
        *,
        path: str = "/",
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Policy:
        """A new policy whose first version is the document.

        Raises EntityExists, LimitExceeded, PolicyDocumentInvalid.
        """
        check_managed(document)
        with self._database.write() as connection:
            _require_room(connection, account, name)
            arn, now = iam_arn(account, "policy", path, name), datetime.now(UTC)
            row = {"arn": arn, "id": unique_id(POLICY), "account": account, "path": path}
            row |= {"name": name, "description": description, "default_version": "v1"}
            times = {"created_at": now, "updated_at": now}
            connection.execute(
                sa.insert(policies).values(**row, **times, versions_made=1, tags=dict(tags or {}))
            )
            _insert_version(connection, arn, "v1", document, now)
            return _policy(_own(connection, account, arn))

    def get(self, account: str, arn: str) -> Policy:
        """The policy, of the account or of AWS. Raises EntityNotFound."""
        with self._database.read() as connection:
            return find_policy(connection, account, arn)

    def all(self, account: str, path_prefix: str = "/") -> list[Policy]:
        """The policies of the account and AWS's whose path begins so, in the order of names."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(policies).where(policies.c.account == account))
            found = [_policy(row) for row in rows] + [*map(aws_policy, aws_managed.DOCUMENTS)]
        chosen = [policy for policy in found if policy.path.startswith(path_prefix)]
        return sorted(chosen, key=lambda policy: (policy.name, policy.arn))

    def delete(self, account: str, arn: str) -> None:
        """Remove a policy that nothing uses. Raises EntityNotFound, DeleteConflict, Denied."""
        with self._database.write() as connection:
            _own(connection, account, arn)
            if arn in usages(connection, account):
                raise DeleteConflict("Cannot delete a policy attached to entities.")
            if count(connection, policy_versions, policy_versions.c.policy_arn == arn) > 1:
                raise DeleteConflict(
                    "This policy has more than one version. Before you delete a policy, you must"
                    " delete the policy's versions. The default version is deleted with the policy."
                )
            connection.execute(sa.delete(policies).where(policies.c.arn == arn))

    def add_version(self, account: str, arn: str, document: str, *, default: bool) -> Version:
        """Another version. Raises EntityNotFound, LimitExceeded, PolicyDocumentInvalid, Denied."""
        check_managed(document)
        with self._database.write() as connection:
            row, now = _own(connection, account, arn), datetime.now(UTC)
            if count(connection, policy_versions, policy_versions.c.policy_arn == arn) >= VERSIONS:
                raise LimitExceeded(
                    f"A managed policy can have up to {VERSIONS} versions. Before you create a new"
                    " version, you must delete an existing version."
                )
            number = row.versions_made + 1
            version = f"v{number}"
            _insert_version(connection, arn, version, document, now)
            changed: dict[str, object] = {"versions_made": number}
            if default:
                changed |= {"default_version": version, "updated_at": now}
            connection.execute(sa.update(policies).where(policies.c.arn == arn).values(changed))
        return Version(version, document, default, now)

    def version(self, account: str, arn: str, version: str) -> Version:
        """One version. Raises EntityNotFound."""
        for each in self.versions(account, arn):
            if each.id == version:
                return each
        raise _no_version(arn, version)

    def versions(self, account: str, arn: str) -> list[Version]:
        """All versions, the newest first. Raises EntityNotFound."""
        with self._database.read() as connection:
            policy = find_policy(connection, account, arn)
            if arn in aws_managed.DOCUMENTS:
                document = aws_managed.DOCUMENTS[arn]
                return [Version(policy.default_version, document, True, policy.created_at)]
            rows = connection.execute(
                sa.select(policy_versions).where(policy_versions.c.policy_arn == arn)
            )
            found = [
                Version(
                    row.version, row.document, row.version == policy.default_version, row.created_at
                )
                for row in rows
            ]
        return sorted(found, key=lambda each: int(each.id[1:]), reverse=True)

    def delete_version(self, account: str, arn: str, version: str) -> None:
        """Remove a version that is not the default. Raises EntityNotFound, DeleteConflict."""
        with self._database.write() as connection:
            row = _own(connection, account, arn)
            if row.default_version == version:
                raise DeleteConflict("Cannot delete the default version of a policy.")
            _require_version(connection, arn, version)
            connection.execute(sa.delete(policy_versions).where(_is_version(arn, version)))

    def set_default(self, account: str, arn: str, version: str) -> None:
        """Make a version the one that counts. Raises EntityNotFound, Denied."""
        with self._database.write() as connection:
            _own(connection, account, arn)
            _require_version(connection, arn, version)
            changed = {"default_version": version, "updated_at": datetime.now(UTC)}
            connection.execute(sa.update(policies).where(policies.c.arn == arn).values(changed))

    def tag(self, account: str, arn: str, tags: Mapping[str, str]) -> None:
        """Add or change tags. Raises EntityNotFound, LimitExceeded, Denied."""
        self._retag(account, arn, lambda stored: with_tags(stored, tags))

    def untag(self, account: str, arn: str, keys: Sequence[str]) -> None:
        """Remove tags. Raises EntityNotFound, Denied."""
        self._retag(account, arn, lambda stored: without_tags(stored, keys))

    def _retag(
        self, account: str, arn: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        with self._database.write() as connection:
            tags = change(_own(connection, account, arn).tags)
            connection.execute(sa.update(policies).where(policies.c.arn == arn).values(tags=tags))


def find_policy(connection: sa.Connection, account: str, arn: str) -> Policy:
    """The policy, of the account or of AWS. Raises EntityNotFound."""
    if arn in aws_managed.DOCUMENTS:
        return aws_policy(arn)
    row = connection.execute(_query(account, arn)).first()
    if row is None:
        raise EntityNotFound(f"Policy {arn} was not found.")
    return _policy(row)


def require_attachable(connection: sa.Connection, account: str, arn: str) -> None:
    """Raise EntityNotFound unless the account's entities can have the policy."""
    try:
        find_policy(connection, account, arn)
    except EntityNotFound:
        raise EntityNotFound(f"Policy {arn} does not exist or is not attachable.") from None


def aws_policy(arn: str) -> Policy:
    """A policy that AWS manages."""
    path, name = split_arn(arn)
    since = aws_managed.SINCE
    return Policy(arn, aws_managed.unique_id(arn), path, name, "", "v1", {}, since, since)


def split_arn(arn: str) -> tuple[str, str]:
    """Path and name that a policy's ARN holds."""
    path, _, name = arn.split(":", 5)[-1].removeprefix("policy").rpartition("/")
    return path + "/", name


def _own(connection: sa.Connection, account: str, arn: str) -> sa.Row[Any]:
    """The row of a policy that the account may change. Raises EntityNotFound, Denied."""
    if arn.startswith(f"arn:aws:iam::{AWS_MANAGED}:"):
        raise Denied(f"{arn} is managed by AWS and cannot be changed")
    row = connection.execute(_query(account, arn)).first()
    if row is None:
        raise EntityNotFound(f"Policy {arn} was not found.")
    return row


def _query(account: str, arn: str) -> sa.Select[Any]:
    return sa.select(policies).where(policies.c.account == account, policies.c.arn == arn)


def _policy(row: sa.Row[Any]) -> Policy:
    return Policy(
        arn=row.arn,
        id=row.id,
        path=row.path,
        name=row.name,
        description=row.description,
        default_version=row.default_version,
        tags=row.tags,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _require_room(connection: sa.Connection, account: str, name: str) -> None:
    of_account = policies.c.account == account
    if count(connection, policies, of_account, policies.c.name == name):
        raise EntityExists(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    if count(connection, policies, of_account) >= QUOTA:
        raise exceeded("PoliciesPerAccount", QUOTA)


def _insert_version(
    connection: sa.Connection, arn: str, version: str, document: str, now: datetime
) -> None:
    connection.execute(
        sa.insert(policy_versions).values(
            policy_arn=arn, version=version, document=document, created_at=now
        )
    )


def _is_version(arn: str, version: str) -> sa.ColumnElement[bool]:
    return sa.and_(policy_versions.c.policy_arn == arn, policy_versions.c.version == version)


def _require_version(connection: sa.Connection, arn: str, version: str) -> None:
    if not count(connection, policy_versions, _is_version(arn, version)):
        raise _no_version(arn, version)


def _no_version(arn: str, version: str) -> EntityNotFound:
    return EntityNotFound(f"Policy {arn} version {version} does not exist or is not attachable.")
