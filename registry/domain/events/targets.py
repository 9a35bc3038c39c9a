"""Targets: webhooks of a registry, and the server's own log, with what each wants to hear of."""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from registry.database.schema import event_targets
from registry.domain.events.event import ACTIONS, DETAIL_TYPES
from registry.domain.events.outbox import SERVER
from registry.values.digest import shown
from registry.values.errors import EntityNotFound, LimitExceeded, ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.identities.secrets import Secrets

MOST = 25
"""Targets of one registry."""
PATTERNS_MAX = 25
URL_MAX = 2048
SECRET_MIN, SECRET_MAX = 16, 256
"""Characters of a secret that somebody chose."""
LOG = "log"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PATTERN = re.compile(r"[a-z0-9._/*?-]{1,256}", re.ASCII)
_URL = re.compile(r"https?://[!-~]+", re.ASCII)
_SECRET = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A target, as stored; the log has no URL."""

    id: int
    scope: Scope
    name: str
    url: str
    detail_types: tuple[str, ...]
    """What it wants to hear of; none: of everything."""
    actions: tuple[str, ...]
    """Which action types of that; none: every one but PULL."""
    repositories: tuple[str, ...]
    """Patterns with `*` and `?`; none: of every repository."""
    created_at: datetime
    next_at: datetime | None
    """When it is tried again, after a failure."""
    failures: int
    """In a row."""
    error: str | None
    """What the last failure was."""

    @property
    def is_log(self) -> bool:
        """Whether it is the server's log."""
        return self.scope.account == SERVER


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks of a target. Raises ParameterInvalid."""

    url: str
    detail_types: Sequence[str] = ()
    actions: Sequence[str] = ()
    repositories: Sequence[str] = ()
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_url(self.url)
        _check_known("detail type", self.detail_types, DETAIL_TYPES)
        _check_known("action type", self.actions, ACTIONS)
        if len(self.repositories) > PATTERNS_MAX:
            raise ParameterInvalid(f"at most {PATTERNS_MAX} patterns of repositories")
        for pattern in self.repositories:
            if _PATTERN.fullmatch(pattern) is None:
                raise ParameterInvalid(f"{shown(pattern)} is not a pattern of repositories' names")
        text = self.secret
        if text is None:
            return
        if not SECRET_MIN <= len(text) <= SECRET_MAX or _SECRET.fullmatch(text) is None:
            raise ParameterInvalid(
                f"a secret has {SECRET_MIN} to {SECRET_MAX} visible ASCII characters"
            )


class Targets:
    """Put, list, delete."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def put(self, scope: Scope, name: str, wish: Wish) -> str | None:
        """Make the target of that name, or change it; its secret where that is a new one.

        A change keeps the secret unless it names one, and what waits stays. Raises
        ParameterInvalid, LimitExceeded.
        """
        if _NAME.fullmatch(name) is None:
            raise ParameterInvalid(f"{shown(name)} is not a name of a target")
        values: dict[str, Any] = {
            "url": wish.url,
            "detail_types": list(dict.fromkeys(wish.detail_types)),
            "actions": list(dict.fromkeys(wish.actions)),
            "repositories": list(dict.fromkeys(wish.repositories)),
            "next_at": None,
        }
        with self._database.write() as connection:
            known = connection.execute(sa.select(event_targets.c.id).where(*_named(scope, name)))
            target_id, secret = known.scalar(), wish.secret
            if target_id is None:
                secret = secret or random.token_urlsafe(32)
                target_id = _insert(connection, scope, name, values)
            if secret is not None:
                values["secret"] = self._secrets.seal(_bound(target_id), secret)
            changed = sa.update(event_targets).where(event_targets.c.id == target_id)
            connection.execute(changed.values(values))
        return secret

    def get(self, scope: Scope, name: str) -> Target:
        """The target of that name. Raises EntityNotFound."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(event_targets).where(*_named(scope, name))).first()
        if row is None:
            raise _unknown(name)
        return _target(row)

    def by_id(self, target_id: int) -> Target:
        """The target with that id. Raises EntityNotFound."""
        query = sa.select(event_targets).where(event_targets.c.id == target_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise EntityNotFound("the event target was deleted in the meantime")
        return _target(row)

    def list(self, scope: Scope | None = None) -> list[Target]:
        """The targets of a registry by name; of the whole server, where none is given."""
        table = event_targets.c
        query = sa.select(event_targets).order_by(table.account, table.region, table.name)
        if scope is not None:
            query = query.where(*_in(scope))
        with self._database.read() as connection:
            return [_target(row) for row in connection.execute(query)]

    def delete(self, scope: Scope, name: str) -> None:
        """Forget it, and with it what waits for it. Raises EntityNotFound."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(event_targets).where(*_named(scope, name)))
        if gone.rowcount == 0:
            raise _unknown(name)

    def keep_log(self, *, on: bool) -> None:
        """Have a target that stands for the log, or none; what waits for it goes with it."""
        scope = Scope(SERVER, "")
        known = sa.select(event_targets.c.id).where(*_named(scope, LOG))
        with self._database.read() as connection:
            if (connection.execute(known).first() is not None) is on:
                return
        with self._database.write() as connection:
            if not on:
                connection.execute(sa.delete(event_targets).where(*_named(scope, LOG)))
            elif connection.execute(known).first() is None:
                filters = {"url": "", "detail_types": [], "actions": [], "repositories": []}
                _insert(connection, scope, LOG, filters)

    def secret(self, target: Target) -> str:
        """What its deliveries are signed with. Raises Damaged, EntityNotFound."""
        query = sa.select(event_targets.c.secret).where(event_targets.c.id == target.id)
        with self._database.read() as connection:
            sealed = connection.execute(query).scalar()
        if sealed is None:
            raise _unknown(target.name)
        return self._secrets.open(_bound(target.id), sealed)


def _insert(connection: sa.Connection, scope: Scope, name: str, values: dict[str, Any]) -> int:
    count = sa.select(sa.func.count()).select_from(event_targets).where(*_in(scope))
    if connection.execute(count).scalar_one() >= MOST:
        raise LimitExceeded(f"a registry has at most {MOST} event targets")
    row = {
        **values,
        "account": scope.account,
        "region": scope.region,
        "name": name,
        "secret": b"",
        "created_at": datetime.now(UTC),
        "failures": 0,
    }
    key = connection.execute(sa.insert(event_targets).values(row)).inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    return int(key[0])


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ParameterInvalid(f"{shown(url)} is not a URL") from None
    if len(url) > URL_MAX or _URL.fullmatch(url) is None or not parts.hostname or port == 0:
        raise ParameterInvalid(f"{shown(url)} is not an http or https URL")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ParameterInvalid("a target's URL has no user, no password and no fragment")


def _check_known(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for each in given:
        if each not in known:
            raise ParameterInvalid(f"no event has the {what} {shown(each)}: {', '.join(known)}")


def _bound(target_id: int) -> str:
    return f"event target {target_id}"


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return event_targets.c.account == scope.account, event_targets.c.region == scope.region


def _named(scope: Scope, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return *_in(scope), event_targets.c.name == name


def _unknown(name: str) -> EntityNotFound:
    return EntityNotFound(f"there is no event target {shown(name)}")


def _target(row: sa.Row[Any]) -> Target:
    return Target(
        id=row.id,
        scope=Scope(row.account, row.region),
        name=row.name,
        url=row.url,
        detail_types=tuple(row.detail_types),
        actions=tuple(row.actions),
        repositories=tuple(row.repositories),
        created_at=row.created_at,
        next_at=row.next_at,
        failures=row.failures,
        error=row.error,
    )
