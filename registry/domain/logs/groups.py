"""Log groups: create, find, list, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.domain.logs.errors import GroupExists, GroupNotFound, GroupProtected, TooManyTags
from registry.domain.logs.keys import GroupKey
from registry.domain.logs.tables import doomed_streams, log_groups, log_streams
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.logs.keys import GroupKeys

TAGS_MAX = 50
RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557),
    *(2922, 3288, 3653),
)
"""Days for which events may be kept (API reference, PutRetentionPolicy)."""
_DAY = 86_400_000


def now() -> int:
    """Milliseconds since 1970 UTC."""
    return int(datetime.now(UTC).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Group:
    """One log group, as stored."""

    id: int
    scope: Scope
    name: str
    log_class: str
    created: int
    retention_days: int | None
    kms_key: str | None
    key: GroupKey = field(repr=False)
    tags: Mapping[str, str]
    stored_bytes: int
    protected: bool

    @property
    def arn(self) -> str:
        """Its ARN, without `:*` at the end."""
        return group_arn(self.scope, self.name)

    def oldest(self, moment: int) -> int:
        """The earliest timestamp that is kept at a moment."""
        return 0 if self.retention_days is None else moment - self.retention_days * _DAY


def group_arn(scope: Scope, name: str) -> str:
    """ARN of a log group, whether it exists or not."""
    return f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{name}"


@dataclass(frozen=True, slots=True)
class NewGroup:
    """What a log group begins with."""

    name: str
    key_id: str
    """The master key that its own key is sealed under."""
    kms_key: str | None = None
    log_class: str = "STANDARD"
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False


class Groups:
    """All groups of a server."""

    def __init__(self, database: Database, keys: GroupKeys, clock: Callable[[], int] = now) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def create(self, scope: Scope, new: NewGroup) -> None:
        """Raises GroupExists, TooManyTags, KeyNotFound, KeyUnavailable."""
        _check_tags(new.tags)
        key = self._keys.new(new.key_id)
        row: dict[str, Any] = {
            "account": scope.account,
            "region": scope.region,
            "name": new.name,
            "log_class": new.log_class,
            "created": self._clock(),
            "kms_key": new.kms_key,
            "key_id": key.key_id,
            "seal": key.seal,
            "sealed_key": key.sealed,
            "tags": dict(new.tags),
            "stored_bytes": 0,
            "protected": new.protected,
        }
        with self._database.write() as connection:
            if connection.execute(_named(scope, new.name)).first() is not None:
                raise GroupExists
            connection.execute(sa.insert(log_groups).values(row))

    def get(self, scope: Scope, name: str) -> Group:
        """Raises GroupNotFound."""
        found = self.find(scope, name)
        if found is None:
            raise GroupNotFound
        return found

    def find(self, scope: Scope, name: str) -> Group | None:
        """The group of that name, if there is one."""
        with self._database.read() as connection:
            row = connection.execute(_named(scope, name)).first()
        return None if row is None else _group(row)

    def page(
        self,
        scope: Scope,
        *,
        after: str,
        limit: int,
        prefix: str = "",
        part: str = "",
        names: Sequence[str] | None = None,
        log_class: str | None = None,
    ) -> list[Group]:
        """Up to `limit` groups by name, those after one; `part` is somewhere in the name."""
        column = log_groups.c.name
        query = sa.select(log_groups).where(*_in(scope), column > after)
        if prefix:
            query = query.where(sa.func.substr(column, 1, len(prefix)) == prefix)
            query = query.where(column >= prefix)
        if part:
            query = query.where(sa.func.instr(column, part) > 0)
        if names is not None:
            query = query.where(column.in_(names))
        if log_class is not None:
            query = query.where(log_groups.c.log_class == log_class)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(column).limit(limit)).all()
        return [_group(row) for row in rows]

    def delete(self, scope: Scope, name: str) -> None:
        """With all streams, whose blocks go later. Raises GroupNotFound, GroupProtected."""
        with self._database.write() as connection:
            row = connection.execute(_named(scope, name)).first()
            if row is None:
                raise GroupNotFound
            if row.protected:
                raise GroupProtected
            streams = sa.select(log_streams.c.id).where(log_streams.c.group_id == row.id)
            connection.execute(sa.insert(doomed_streams).from_select(["stream_id"], streams))
            connection.execute(sa.delete(log_groups).where(log_groups.c.id == row.id))

    def retain(self, scope: Scope, name: str, days: int | None) -> None:
        """Keep events for so long; None: for ever. Raises GroupNotFound, ParameterInvalid."""
        if days is not None and days not in RETENTIONS:
            raise ParameterInvalid(
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to"
                " satisfy constraint: Member must satisfy enum value set:"
                f" [{', '.join(map(str, RETENTIONS))}]"
            )
        self._set(scope, name, retention_days=days)

    def protect(self, scope: Scope, name: str, *, protected: bool) -> None:
        """Whether it may be deleted. Raises GroupNotFound."""
        self._set(scope, name, protected=protected)

    def tag(
        self, scope: Scope, name: str, change: Callable[[dict[str, str]], Mapping[str, str]]
    ) -> None:
        """Keep what `change` makes of its tags. Raises GroupNotFound, TooManyTags."""
        with self._database.write() as connection:
            row = connection.execute(_named(scope, name)).first()
            if row is None:
                raise GroupNotFound
            tags = dict(change(dict(row.tags)))
            _check_tags(tags)
            update = sa.update(log_groups).where(log_groups.c.id == row.id)
            connection.execute(update.values(tags=tags))

    def _set(self, scope: Scope, name: str, **values: Any) -> None:
        update = sa.update(log_groups).where(*_in(scope), log_groups.c.name == name)
        with self._database.write() as connection:
            if connection.execute(update.values(values)).rowcount == 0:
                raise GroupNotFound


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return log_groups.c.account == scope.account, log_groups.c.region == scope.region


def _named(scope: Scope, name: str) -> sa.Select[Any]:
    return sa.select(log_groups).where(*_in(scope), log_groups.c.name == name)


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise TooManyTags(f"A resource can have at most {TAGS_MAX} tags")


def _group(row: sa.Row[Any]) -> Group:
    return Group(
        id=row.id,
        scope=Scope(row.account, row.region),
        name=row.name,
        log_class=row.log_class,
        created=row.created,
        retention_days=row.retention_days,
        kms_key=row.kms_key,
        key=GroupKey(row.key_id, row.seal, row.sealed_key),
        tags=row.tags,
        stored_bytes=row.stored_bytes,
        protected=row.protected,
    )
