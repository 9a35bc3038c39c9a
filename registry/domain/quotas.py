"""Quotas: how much an account and a repository may hold, and the refusal of more.

They are rows, and are looked at by the transactions that add a link, an image or a repository,
whatever led there: writers take turns, so no two of them slip past a limit together, and no way
to write can forget it. Where no quota is set that costs one query of an empty table.

What is under way counts from when it came in: the bytes of open uploads are added to what is held.
Their sum is taken anew each time, so it cannot go wrong; an upload that ends is gone from it in the
transaction that makes a blob of it.

Source of the texts about numbers: what ECR answers at its service quotas. That about images is
ECR's own ("denied: The repository with name … already has the maximum allowed number of images
which is '10000'", as many have published it); that about repositories is made after it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, quotas, repositories, uploads
from registry.domain.shadows import RESTING
from registry.values.errors import QuotaExceeded, Vanished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.database.database import Database
    from registry.values.scope import Scope

EVERYBODY = ""
"""The account whose limits count where an account has none of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be held at most; None for as much as there is room for."""

    account_bytes: int | None = None
    """By all repositories of the account together, in all regions."""
    repository_bytes: int | None = None
    """By each repository."""
    images: int | None = None
    """In each repository."""
    repositories: int | None = None
    """In each registry: an account in a region."""


OF_REPOSITORY = ("repository_bytes", "images")
"""The limits that one repository can have of its own."""


class Quotas:
    """Reads and sets them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, scope: Scope, repository: str = "") -> Limits:
        """The limits that count for an account, or for one repository."""
        with self._database.read() as connection:
            return limits(connection, scope.account, scope.region, repository)

    def own(self, scope: Scope, repository: str = "") -> dict[str, int | None]:
        """Those that were set for just this account, or just this repository."""
        with self._database.read() as connection:
            return _own(connection, scope, repository)

    def set(self, scope: Scope, repository: str, changes: Mapping[str, int | None]) -> None:
        """Change some limits of an account, or of a repository; None stands for no limit."""
        with self._database.write() as connection:
            _put(connection, scope, repository, {**_own(connection, scope, repository), **changes})

    def unset(self, scope: Scope, repository: str = "") -> None:
        """Forget what was set: what counts for everybody counts here too."""
        with self._database.write() as connection:
            connection.execute(sa.delete(quotas).where(*_named(scope, repository)))

    def set_for_everybody(self, given: Limits) -> None:
        """The limits of accounts that have none of their own, as the server's settings say."""
        wanted = {name: value for name, value in asdict(given).items() if value is not None}
        where = (quotas.c.account == EVERYBODY,)
        query = sa.select(quotas.c.limits).where(*where)
        with self._database.read() as connection:
            if (connection.execute(query).scalar() or {}) == wanted:
                return
        with self._database.write() as connection:
            connection.execute(sa.delete(quotas).where(*where))
            if wanted:
                row = {"account": EVERYBODY, "region": "", "repository": "", "limits": wanted}
                connection.execute(sa.insert(quotas).values(row))


def limits(connection: sa.Connection, account: str, region: str, repository: str) -> Limits:
    """What counts: the repository's own, else the account's, else everybody's."""
    whole = sa.and_(quotas.c.repository == "", quotas.c.account.in_((EVERYBODY, account)))
    mine = sa.and_(
        quotas.c.account == account, quotas.c.region == region, quotas.c.repository == repository
    )
    query = sa.select(quotas).where(sa.or_(whole, mine))
    rows = connection.execute(query.order_by(quotas.c.account, quotas.c.repository)).all()
    found: dict[str, int | None] = {}
    for row in rows:
        found |= row.limits
    return Limits(**found)


def require_room(connection: sa.Connection, repository_id: int, size: int) -> None:
    """Raise QuotaExceeded unless the repository may hold so many bytes more; Vanished."""
    row, most = _repository(connection, repository_id)
    if most.repository_bytes is not None:
        coming = under_way(connection, uploads.c.repository_id == repository_id)
        _require(f"the repository '{row.name}'", most.repository_bytes, row.bytes, coming, size)
    if most.account_bytes is not None:
        used, mine = account_bytes(connection, row.account), _of_account(row.account)
        _require(
            f"the account {row.account}",
            most.account_bytes,
            used,
            under_way(connection, mine),
            size,
        )


def limited(connection: sa.Connection, repository_id: int) -> bool:
    """Whether there is a limit to the bytes of the repository. Raises Vanished."""
    _, most = _repository(connection, repository_id)
    return not most.repository_bytes is most.account_bytes is None


def under_way(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Bytes of open uploads that bring what is not there yet: of such as the condition says."""
    total = sa.func.coalesce(sa.func.sum(uploads.c.size + uploads.c.arriving), 0)
    query = sa.select(total).where(uploads.c.replaces.is_(None), condition)
    return int(connection.execute(query).scalar_one())


def under_way_in(connection: sa.Connection, account: str) -> int:
    """The same of an account's repositories."""
    return under_way(connection, _of_account(account))


def _of_account(account: str) -> sa.ColumnElement[bool]:
    mine = sa.select(repositories.c.id).where(repositories.c.account == account)
    return uploads.c.repository_id.in_(mine)


def require_image_room(connection: sa.Connection, repository_id: int) -> None:
    """Raise QuotaExceeded unless the repository may hold one more image; Vanished."""
    row, most = _repository(connection, repository_id)
    if most.images is None:
        return
    mine = images.c.repository_id == repository_id
    count = sa.select(sa.func.count()).select_from(images).where(mine)
    if connection.execute(count).scalar_one() >= most.images:
        raise QuotaExceeded(
            f"The repository with name '{row.name}' in registry with id '{row.account}' already"
            f" has the maximum allowed number of images which is '{most.images}'"
        )


def require_repository_room(connection: sa.Connection, scope: Scope) -> None:
    """Raise QuotaExceeded unless the registry may hold one more repository."""
    most = limits(connection, scope.account, scope.region, "").repositories
    if most is None:
        return
    here = (repositories.c.account == scope.account, repositories.c.region == scope.region)
    count = sa.select(sa.func.count()).select_from(repositories).where(*here)
    if connection.execute(count).scalar_one() >= most:
        raise QuotaExceeded(
            f"The registry with id '{scope.account}' already has the maximum allowed number of"
            f" repositories which is '{most}'"
        )


def require_any_room(connection: sa.Connection, repository_id: int) -> None:
    """Raise QuotaExceeded where not one byte more may come: before an upload begins; Vanished."""
    require_room(connection, repository_id, 1)


def account_bytes(connection: sa.Connection, account: str) -> int:
    """What the account's repositories hold together."""
    total = sa.func.coalesce(sa.func.sum(repositories.c.bytes), 0)
    query = sa.select(total).where(repositories.c.account == account)
    return int(connection.execute(query).scalar_one())


def _repository(connection: sa.Connection, repository_id: int) -> tuple[sa.Row[Any], Limits]:
    table = repositories.c
    query: sa.Select[Any] = sa.select(table.account, table.region, table.name, table.bytes)
    row = connection.execute(query.where(table.id == repository_id)).first()
    if row is None or row.account == RESTING:
        raise Vanished("the repository was deleted in the meantime")
    most = limits(connection, row.account, row.region, row.name)
    return row, most


def _require(what: str, limit: int, used: int, coming: int, size: int) -> None:
    if used + coming + size <= limit:
        return
    more = f", and {coming:,} of uploads under way" if coming else ""
    raise QuotaExceeded(
        f"{what} may hold {limit:,} bytes and holds {used:,}{more}: {size:,} bytes more are over"
        " its quota"
    )


def _named(scope: Scope, repository: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        quotas.c.account == scope.account,
        quotas.c.region == (scope.region if repository else ""),
        quotas.c.repository == repository,
    )


def _own(connection: sa.Connection, scope: Scope, repository: str) -> dict[str, int | None]:
    query = sa.select(quotas.c.limits).where(*_named(scope, repository))
    return dict(connection.execute(query).scalar() or {})


def _put(
    connection: sa.Connection, scope: Scope, repository: str, wanted: Mapping[str, int | None]
) -> None:
    connection.execute(sa.delete(quotas).where(*_named(scope, repository)))
    connection.execute(
        sa.insert(quotas).values(
            account=scope.account,
            region=scope.region if repository else "",
            repository=repository,
            limits=dict(wanted),
        )
    )
