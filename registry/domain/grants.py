"""Grants: who may use a key for what, beside its policy.

Source: KMS Developer Guide, "Grants in AWS KMS"; KMS API reference, CreateGrant, RetireGrant.

ECR has one on the key of each repository that names a key. It is not stored: the repository is
the grant, from its creation to its deletion, and where it moves to another key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import key_grants, repositories
from registry.domain.identities.identity import Document
from registry.domain.shadows import RESTING
from registry.values.errors import LimitExceeded
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from registry.database.database import Cache, Database
    from registry.domain.access import Circumstances

MOST = 50_000
"""Grants on one key (KMS Developer Guide, "Quotas")."""
GRANT, CONSTRAINTS = "moorage:grant", "moorage:grantconstraints"
"""Condition keys of our own: the grant that RetireGrant is about, the constraints of a new one."""
CONTEXT_KEYS, CONTEXT = "kms:encryptioncontextkeys", "kms:encryptioncontext:"
_OF_REPOSITORIES = ("Decrypt", "DescribeKey", "GenerateDataKey", "RetireGrant")
_MANAGES = ("CreateGrant", "RetireGrant", "DescribeKey")
"""Operations without an encryption context: constraints do not limit them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant."""

    id: str
    key_id: str
    name: str | None
    issuer: str
    """The account that made it."""
    grantee: str
    retiring: str | None
    operations: tuple[str, ...]
    constraints: Mapping[str, Any] = field(hash=False)
    created_at: datetime
    repository: str | None = None
    """ARN of the repository that it stands for."""


class Grants:
    """Makes, finds and ends them."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def create(self, grant: Grant) -> Grant:
        """Keep a new one; one of the same name that says the same is that one.

        Raises LimitExceeded.
        """
        row = {name: getattr(grant, name) for name in _COLUMNS}
        with self._database.write() as connection:
            others = [_grant(each) for each in connection.execute(_of_key(grant.key_id))]
            same = next((each for each in others if _same(each, grant)), None)
            if same is not None:
                return same
            if len(others) >= MOST:
                raise LimitExceeded(f"a key has at most {MOST:,} grants")
            connection.execute(sa.insert(key_grants).values(row))
        return grant

    def stored(self, key_id: str) -> tuple[Grant, ...]:
        """Those on a key that somebody made."""
        return self._cache.get(("grants", key_id), lambda: self._load(key_id))

    def on(self, key_id: str) -> list[Grant]:
        """All on a key by their id, those of its repositories too."""
        return sorted((*self.stored(key_id), *self._of(key_id)), key=lambda each: each.id)

    def find(self, grant_id: str) -> Grant | None:
        """The one of that id, if somebody made it."""
        with self._database.read() as connection:
            query = sa.select(key_grants).where(key_grants.c.id == grant_id)
            row = connection.execute(query).first()
        return None if row is None else _grant(row)

    def retirable_by(self, principal: str) -> list[Grant]:
        """Those that the principal may retire, by their id."""
        query = sa.select(key_grants).where(key_grants.c.retiring == principal)
        with self._database.read() as connection:
            return [_grant(row) for row in connection.execute(query.order_by(key_grants.c.id))]

    def end(self, grant_id: str) -> None:
        """Nothing is allowed by it any more."""
        with self._database.write() as connection:
            connection.execute(sa.delete(key_grants).where(key_grants.c.id == grant_id))

    def keep(self, key_ids: Collection[str]) -> None:
        """End all on other keys than these: they are destroyed."""
        gone = key_grants.c.key_id.not_in(key_ids)
        with self._database.read() as connection:
            found = connection.execute(sa.select(key_grants.c.id).where(gone).limit(1)).first()
        if found is not None:
            with self._database.write() as connection:
                connection.execute(sa.delete(key_grants).where(gone))

    def _load(self, key_id: str) -> tuple[Grant, ...]:
        with self._database.read() as connection:
            return tuple(_grant(row) for row in connection.execute(_of_key(key_id)))

    def _of(self, key_id: str) -> list[Grant]:
        query = sa.select(repositories).where(
            repositories.c.key_id == key_id,
            repositories.c.encryption_type != "AES256",
            repositories.c.account != RESTING,
        )
        with self._database.read() as connection:
            return [_of_repository(row) for row in connection.execute(query)]


def document(grants: Sequence[Grant], circumstances: Circumstances) -> Document | None:
    """What grants allow in these circumstances, as a policy."""
    statements = [
        each for grant in grants for each in _statements(grant, _meets(grant, circumstances.more))
    ]
    if not statements:
        return None
    policy = {"Version": "2012-10-17", "Statement": statements}
    return Document("grants", json.dumps(policy, separators=(",", ":")))


def principal_of(name: str) -> dict[str, str]:
    """The Principal element of a grantee or retiring principal."""
    return {"AWS": name} if name.startswith("arn:") or name.isdigit() else {"Service": name}


def canonical(constraints: Mapping[str, Any]) -> str:
    """Constraints as one text."""
    return json.dumps(constraints, sort_keys=True, separators=(",", ":"))


def _statements(grant: Grant, meets: bool) -> list[dict[str, Any]]:
    uses = [each for each in grant.operations if meets or each in _MANAGES]
    plain = [each for each in uses if each not in ("CreateGrant", "RetireGrant")]
    found = [_statement(grant.grantee, plain)] if plain else []
    if "CreateGrant" in uses:
        # What is handed on is never more than what was given.
        condition = {
            "ForAllValues:StringEquals": {"kms:GrantOperations": list(grant.operations)},
            "StringEquals": {CONSTRAINTS: canonical(grant.constraints)},
        }
        found.append(_statement(grant.grantee, ["CreateGrant"], condition))
    retiring = [grant.retiring, f"arn:aws:iam::{grant.issuer}:root"]
    if "RetireGrant" in uses:
        retiring.append(grant.grantee)
    this = {"StringEquals": {GRANT: grant.id}}
    return found + [_statement(each, ["RetireGrant"], this) for each in retiring if each]


def _statement(
    principal: str, operations: Sequence[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": principal_of(principal),
        "Action": [f"kms:{each}" for each in operations],
        "Resource": "*",
    }
    return found if condition is None else {**found, "Condition": condition}


def _meets(grant: Grant, conditions: Mapping[str, Any]) -> bool:
    """Whether the request's encryption context is what the constraints ask for."""
    subset = grant.constraints.get("EncryptionContextSubset")
    equals = grant.constraints.get("EncryptionContextEquals")
    if grant.constraints.get("SourceArn"):
        return False
    if not subset and not equals:
        return True
    keys = conditions.get(CONTEXT_KEYS, ())
    given = {key: conditions.get(CONTEXT + key.lower()) for key in keys}
    if equals and given != equals:
        return False
    return not subset or all(given.get(key) == value for key, value in subset.items())


def _same(one: Grant, other: Grant) -> bool:
    """Whether they differ in nothing but their id and time, and have a name."""
    if one.name is None:
        return False
    named = [name for name in _COLUMNS if name not in ("id", "created_at")]
    return all(getattr(one, name) == getattr(other, name) for name in named)


_COLUMNS = tuple(column.name for column in key_grants.columns)


def _of_key(key_id: str) -> sa.Select[Any]:
    return sa.select(key_grants).where(key_grants.c.key_id == key_id)


def _grant(row: sa.Row[Any]) -> Grant:
    values = dict(row._mapping)
    return Grant(**{**values, "operations": tuple(values["operations"])})


def _of_repository(row: sa.Row[Any]) -> Grant:
    arn = Scope(row.account, row.region).repository_arn(row.name)
    text = f"ECR's grant for the repository {row.id} on the key {row.key_id}"
    return Grant(
        id=hashlib.sha256(text.encode()).hexdigest(),
        key_id=row.key_id,
        name=None,
        issuer=row.account,
        grantee=f"ecr.{row.region}.amazonaws.com",
        retiring=f"ecr.{row.region}.amazonaws.com",
        operations=_OF_REPOSITORIES,
        constraints={"EncryptionContextSubset": {"aws:ecr:arn": arn}},
        created_at=row.created_at,
        repository=arn,
    )
