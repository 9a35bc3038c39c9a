"""Parameters: put, get, look for, label, tag, delete."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import parameter_versions as versions
from registry.database.schema import parameters as table
from registry.domain.parameters.errors import (
    HierarchyTypeMismatch,
    LabelNotFound,
    ParameterAlreadyExists,
    ParameterMaxVersionLimitExceeded,
    ParameterNotFound,
    ParameterVersionNotFound,
    TooManyTags,
)
from registry.domain.parameters.labels import relabelled, unlabelled
from registry.domain.parameters.names import Reference, key_of, parameter_arn
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.vault import Vault

VERSIONS_MAX = 100
TAGS_MAX = 50
SECURE = "SecureString"
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a parameter, as stored; what it says is opened by `Parameters.value`."""

    name: str
    scope: Scope
    number: int
    type: str
    sealed: bytes = field(repr=False)
    seal: str = field(repr=False)
    key_id: str
    kms_key: str | None
    description: str | None
    allowed_pattern: str | None
    tier: str
    data_type: str
    labels: tuple[str, ...]
    modified_by: str
    modified_at: datetime
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The parameter's ARN."""
        return parameter_arn(self.scope, key_of(self.name))

    @property
    def key(self) -> str:
        """The name, without a slash at its beginning."""
        return key_of(self.name)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version begins with."""

    value: str = field(repr=False)
    type: str
    key_id: str
    kms_key: str | None
    description: str | None
    allowed_pattern: str | None
    tier: str
    data_type: str
    modified_by: str


class Parameters:
    """All parameters of a server."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def value(self, version: Version) -> str:
        """What a version says. Raises KeyNotFound, KeyUnavailable, Damaged."""
        name = _seal_name(version.seal, version.number)
        return self._vault.open(version.key_id, version.sealed, name).decode(*_UTF8)

    def find(self, scope: Scope, key: str) -> Version | None:
        """The newest version of a parameter, if there is one."""
        with self._database.read() as connection:
            row = connection.execute(_latest().where(*_named(scope, key))).first()
        return None if row is None else _version(row)

    def get(self, reference: Reference) -> Version:
        """The version that is meant.

        Raises ParameterNotFound, ParameterVersionNotFound, LabelNotFound.
        """
        newest = self.find(reference.scope, reference.key)
        if newest is None:
            raise ParameterNotFound(reference.key)
        selector = reference.selector
        if not selector:
            return newest
        found = self.history(reference.scope, reference.key)
        if selector.isascii() and selector.isdigit():
            number = int(selector[:18])
            if version := next((each for each in found if each.number == number), None):
                return version
            raise ParameterVersionNotFound(number, newest.name)
        if version := next((each for each in found if selector in each.labels), None):
            return version
        raise LabelNotFound(selector, newest.name)

    def history(self, scope: Scope, key: str) -> list[Version]:
        """All versions, the oldest first. Raises ParameterNotFound."""
        query = _all().where(*_named(scope, key)).order_by(versions.c.number)
        with self._database.read() as connection:
            found = [_version(row) for row in connection.execute(query)]
        if not found:
            raise ParameterNotFound(key)
        return found

    def walk(self, scope: Scope, *, below: str = "", after: str = "") -> Iterator[Version]:
        """The newest versions by their keys, those that begin so and come after one."""
        while True:
            query = _latest().where(*_in(scope), table.c.key > after)
            if below:
                query = query.where(sa.func.substr(table.c.key, 1, len(below)) == below)
                query = query.where(table.c.key >= below)
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(table.c.key).limit(_CHUNK)).all()
            for row in rows:
                yield _version(row)
            if len(rows) < _CHUNK:
                return
            after = rows[-1].key

    def put(
        self,
        scope: Scope,
        name: str,
        new: NewVersion,
        *,
        overwrite: bool,
        tags: Mapping[str, str] | None = None,
    ) -> int:
        """Keep a value; the number of its version.

        Raises ParameterAlreadyExists, HierarchyTypeMismatch, ParameterMaxVersionLimitExceeded,
        TooManyTags, KeyNotFound, KeyUnavailable.
        """
        before = self.find(scope, key_of(name))
        seal, number = (uuid.uuid4().hex, 1) if before is None else (before.seal, before.number + 1)
        sealed = self._seal(new, _seal_name(seal, number))
        with self._database.write() as connection:
            row = connection.execute(_latest().where(*_named(scope, key_of(name)))).first()
            current = None if row is None else _version(row)
            if current is None:
                parameter = _create(connection, scope, name, seal, tags or {})
                number = 1
            else:
                _check_overwrite(current, new, overwrite=overwrite)
                parameter, number = row.id, current.number + 1  # type: ignore[union-attr]  # there, as its version is
                _drop_oldest(connection, parameter, name)
            if (current.seal if current else seal, number) != (seal, _number_of(before)):
                # Somebody else was quicker: sealed once more, for the place that it gets.
                seal = current.seal if current else seal
                sealed = self._seal(new, _seal_name(seal, number))
            _insert(connection, parameter, number, new, sealed)
        return number

    def _seal(self, new: NewVersion, name: str) -> bytes:
        return self._vault.seal(new.key_id, new.value.encode(*_UTF8), name)

    def delete(self, scope: Scope, key: str) -> None:
        """With all versions. Raises ParameterNotFound."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(table).where(*_named(scope, key)))
            if gone.rowcount == 0:
                raise ParameterNotFound(key)

    def label(
        self, scope: Scope, key: str, number: int | None, labels: Sequence[str]
    ) -> tuple[int, list[str]]:
        """Put labels on a version, the newest where none is named, and take them off all others.

        The version's number, and the labels that cannot be. Raises ParameterNotFound,
        ParameterVersionNotFound, ParameterVersionLabelLimitExceeded.
        """
        found = self.history(scope, key)
        number = found[-1].number if number is None else number
        changed, invalid = relabelled(found, number, labels)
        self._relabel(scope, key, changed)
        return number, invalid

    def unlabel(
        self, scope: Scope, key: str, number: int, labels: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Take labels off a version: those that it had, and those that it had not.

        Raises ParameterNotFound, ParameterVersionNotFound.
        """
        found = self.history(scope, key)
        changed, removed, missing = unlabelled(found, number, labels)
        self._relabel(scope, key, changed)
        return removed, missing

    def _relabel(self, scope: Scope, key: str, changed: Mapping[int, Sequence[str]]) -> None:
        with self._database.write() as connection:
            owner = connection.execute(sa.select(table.c.id).where(*_named(scope, key))).scalar()
            for number, labels in changed.items():
                update = sa.update(versions).where(
                    versions.c.parameter_id == owner, versions.c.number == number
                )
                connection.execute(update.values(labels=list(labels)))

    def tags(self, scope: Scope, key: str) -> dict[str, str]:
        """Its tags. Raises ParameterNotFound."""
        found = self.find(scope, key)
        if found is None:
            raise ParameterNotFound(key)
        return dict(found.tags)

    def tag(
        self, scope: Scope, key: str, change: Callable[[dict[str, str]], Mapping[str, str]]
    ) -> None:
        """Keep what `change` makes of its tags. Raises ParameterNotFound, TooManyTags."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(table).where(*_named(scope, key))).first()
            if row is None:
                raise ParameterNotFound(key)
            tags = dict(change(dict(row.tags)))
            _check_tags(tags)
            update = sa.update(table).where(table.c.id == row.id)
            connection.execute(update.values(tags=tags))


_UTF8 = ("utf-8", "surrogatepass")


def _number_of(before: Version | None) -> int:
    return 1 if before is None else before.number + 1


def _seal_name(seal: str, number: int) -> str:
    return f"parameter/{seal}/{number}"


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise TooManyTags(f"A parameter can have at most {TAGS_MAX} tags.")


def _check_overwrite(current: Version, new: NewVersion, *, overwrite: bool) -> None:
    if not overwrite:
        raise ParameterAlreadyExists
    if new.type != current.type:
        raise HierarchyTypeMismatch


def _create(
    connection: sa.Connection, scope: Scope, name: str, seal: str, tags: Mapping[str, str]
) -> int:
    _check_tags(tags)
    row = {
        "account": scope.account,
        "region": scope.region,
        "key": key_of(name),
        "name": name,
        "seal": seal,
        "latest": 1,
        "tags": dict(tags),
    }
    made = connection.execute(sa.insert(table).values(row)).inserted_primary_key
    assert made is not None  # noqa: S101 - an insert into a table with a number has one
    return int(made[0])


def _drop_oldest(connection: sa.Connection, parameter: int, name: str) -> None:
    """Make room for one version more."""
    query = sa.select(versions).where(versions.c.parameter_id == parameter)
    found = connection.execute(query.order_by(versions.c.number)).all()
    if len(found) < VERSIONS_MAX:
        return
    oldest = found[0]
    if oldest.labels:
        raise ParameterMaxVersionLimitExceeded(name, oldest.number)
    gone = sa.delete(versions).where(
        versions.c.parameter_id == parameter, versions.c.number == oldest.number
    )
    connection.execute(gone)


def _insert(
    connection: sa.Connection, parameter: int, number: int, new: NewVersion, sealed: bytes
) -> None:
    row = {
        "parameter_id": parameter,
        "number": number,
        "type": new.type,
        "value": sealed,
        "key_id": new.key_id,
        "kms_key": new.kms_key,
        "description": new.description,
        "allowed_pattern": new.allowed_pattern,
        "tier": new.tier,
        "data_type": new.data_type,
        "labels": [],
        "modified_by": new.modified_by,
        "modified_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(versions).values(row))
    connection.execute(sa.update(table).where(table.c.id == parameter).values(latest=number))


def _all() -> sa.Select[Any]:
    joined = table.join(versions, versions.c.parameter_id == table.c.id)
    owner = (table.c.id, table.c.account, table.c.region, table.c.key, table.c.name)
    return sa.select(*owner, table.c.seal, table.c.tags, versions).select_from(joined)


def _latest() -> sa.Select[Any]:
    return _all().where(versions.c.number == table.c.latest)


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.account == scope.account, table.c.region == scope.region


def _named(scope: Scope, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_in(scope), table.c.key == key)


def _version(row: sa.Row[Any]) -> Version:
    return Version(
        name=row.name,
        scope=Scope(row.account, row.region),
        number=row.number,
        type=row.type,
        sealed=row.value,
        seal=row.seal,
        key_id=row.key_id,
        kms_key=row.kms_key,
        description=row.description,
        allowed_pattern=row.allowed_pattern,
        tier=row.tier,
        data_type=row.data_type,
        labels=tuple(row.labels),
        modified_by=row.modified_by,
        modified_at=row.modified_at,
        tags=row.tags,
    )
