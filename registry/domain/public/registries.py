"""Public registries by their aliases, and the names they show.

An account's first public repository gives its registry an alias, made up here; others can be
chosen. Source: ECR Public User Guide, "Amazon ECR public registries" (aliases); ECR Public API
reference, DescribeRegistries, PutRegistryCatalogData.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import public_aliases, public_registries, repositories
from registry.values.errors import ParameterInvalid
from registry.values.publishing import AliasTaken, RegistryNotFound
from registry.values.scope import NO_REGION, Scope

if TYPE_CHECKING:
    from registry.database.database import Cache, Database

PREFIX = "public"
"""Below `/public/<alias>/` every host has the public registries."""
ALIASES_MAX = 10
"""Of one account."""

_LETTERS, _REST = "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789"
_ALIAS = re.compile(r"[a-z][a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_ALIAS_MAX = 50
_names = public_aliases.c


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of a public registry."""

    name: str
    chosen: bool
    """By somebody; the other is the one that was made up."""


class PublicRegistries:
    """Finds and names them."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def account_of(self, alias: str) -> str | None:
        """Whose alias it is."""
        return self._cache.get(("public alias", alias), lambda: self._account_of(alias))

    def find(self, account_or_alias: str) -> Scope:
        """The registry that a `registryId` names. Raises RegistryNotFound."""
        if re.fullmatch("[0-9]{12}", account_or_alias, re.ASCII):
            return Scope.public_of(account_or_alias)
        account = self.account_of(account_or_alias)
        if account is None:
            raise RegistryNotFound(f"The public registry '{account_or_alias}' does not exist")
        return Scope.public_of(account)

    def aliases(self, account: str) -> list[Alias]:
        """All that lead to it, the one that stands in its URIs first."""
        found = self._cache.get(("public aliases", account), lambda: self._aliases(account))
        return list(found)

    def alias(self, account: str) -> str | None:
        """The one that stands in its URIs; None before the first repository."""
        found = self.aliases(account)
        return found[0].name if found else None

    def choose(self, account: str, name: str) -> None:
        """Give the registry another alias; its URIs begin with it from now on.

        Raises ParameterInvalid, AliasTaken.
        """
        if _ALIAS.fullmatch(name) is None or not 2 <= len(name) <= _ALIAS_MAX:
            raise ParameterInvalid(
                f"an alias has 2 to {_ALIAS_MAX} lower-case letters and digits, separated by"
                f" single . _ or -, and begins with a letter: {name[:80]!r} does not"
            )
        with self._database.write() as connection:
            known = connection.execute(_of(account)).all()
            if len(known) >= ALIASES_MAX and name not in {row.name for row in known}:
                raise ParameterInvalid(f"a registry has {ALIASES_MAX} aliases at most")
            owner = connection.execute(_owner(name)).scalar()
            if owner not in (None, account) or _occupied(connection, name):
                raise AliasTaken(f"the alias {name!r} is taken")
            connection.execute(sa.delete(public_aliases).where(_names.name == name))
            _insert(connection, account, name, chosen=True)

    def display_name(self, account: str) -> str:
        """The name that the gallery shows; empty where none was given."""
        column = public_registries.c.display_name
        query = sa.select(column).where(public_registries.c.account == account)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    def set_display_name(self, account: str, name: str) -> None:
        """Show another one."""
        mine = public_registries.c.account == account
        with self._database.write() as connection:
            connection.execute(sa.delete(public_registries).where(mine))
            row = {"account": account, "display_name": name}
            connection.execute(sa.insert(public_registries).values(row))

    def _account_of(self, alias: str) -> str | None:
        with self._database.read() as connection:
            return connection.execute(_owner(alias)).scalar()

    def _aliases(self, account: str) -> tuple[Alias, ...]:
        with self._database.read() as connection:
            return tuple(Alias(row.name, row.chosen) for row in connection.execute(_of(account)))


def ensure_alias(connection: sa.Connection, account: str) -> None:
    """Make an alias up, unless the account's public registry has one."""
    if connection.execute(_of(account)).first() is not None:
        return
    while True:
        name = secrets.choice(_LETTERS) + "".join(secrets.choice(_REST) for _ in range(7))
        if connection.execute(_owner(name)).first() is None and not _occupied(connection, name):
            _insert(connection, account, name, chosen=False)
            return


def refuse_hidden(connection: sa.Connection, scope: Scope, name: str) -> None:
    """Raise ParameterInvalid for a private repository that a public registry would hide."""
    prefix, _, rest = name.partition("/")
    alias, slash, _ = rest.partition("/")
    if scope.is_public or prefix != PREFIX or not slash:
        return
    if connection.execute(_owner(alias)).first() is not None:
        raise ParameterInvalid(
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not begin"
            f" with {PREFIX}/{alias}/: that is where a public registry is'"
        )


def _occupied(connection: sa.Connection, alias: str) -> bool:
    """Whether a private repository is where the registry of that alias would be."""
    below = repositories.c.name.startswith(f"{PREFIX}/{alias}/", autoescape=True)
    query = sa.select(repositories.c.id).where(below, repositories.c.region != NO_REGION).limit(1)
    return connection.execute(query).first() is not None


def _insert(connection: sa.Connection, account: str, name: str, *, chosen: bool) -> None:
    row = {"name": name, "account": account, "chosen": chosen, "created_at": datetime.now(UTC)}
    connection.execute(sa.insert(public_aliases).values(row))


def _owner(name: str) -> sa.Select[Any]:
    return sa.select(_names.account).where(_names.name == name)


def _of(account: str) -> sa.Select[Any]:
    order = (_names.chosen.desc(), _names.created_at.desc(), _names.name)
    query = sa.select(_names.name, _names.chosen).where(_names.account == account)
    return query.order_by(*order)
