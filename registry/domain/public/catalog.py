"""What the gallery shows of public repositories: texts, logo, badges.

Source: ECR Public API reference, RepositoryCatalogDataInput and RepositoryCatalogData.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import catalog_data, images, repositories
from registry.domain.shadows import RESTING
from registry.values.errors import ParameterInvalid
from registry.values.publishing import CatalogDataNotFound
from registry.values.scope import NO_REGION

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repository

LOGOS: tuple[tuple[bytes, bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF87a", b"", "image/gif"),
    (b"GIF89a", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
)
"""What a logo begins with, and has at its ninth byte. No SVG: that can hold a program."""


@dataclass(frozen=True, slots=True)
class CatalogData:
    """What was put."""

    document: Mapping[str, Any] = field(default_factory=dict)
    """By the model's names, without the logo."""
    has_logo: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A repository in the gallery's list."""

    account: str
    name: str
    document: Mapping[str, Any]
    has_logo: bool
    pushed_at: Any
    """When an image was pushed last; None for an empty repository."""


class Catalog:
    """Puts, gets and lists."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, repository: Repository, document: Mapping[str, Any], logo: bytes | None) -> None:
        """Show these, and nothing that was shown before but the logo. Raises ParameterInvalid."""
        checked = logo_type(logo)
        with self._database.write() as connection:
            write(connection, repository, document, logo, checked)

    def get(self, repository: Repository) -> CatalogData:
        """What was put. Raises CatalogDataNotFound."""
        query = sa.select(catalog_data.c.document, catalog_data.c.logo_type)
        mine = catalog_data.c.repository_id == repository.id
        with self._database.read() as connection:
            row = connection.execute(query.where(mine)).first()
        if row is None:
            raise CatalogDataNotFound(
                f"The catalog data for the repository with name '{repository.name}' in the"
                f" registry with id '{repository.scope.account}' does not exist"
            )
        return CatalogData(row.document, row.logo_type is not None)

    def logo(self, repository: Repository) -> tuple[bytes, str] | None:
        """The logo and its media type."""
        query = sa.select(catalog_data.c.logo, catalog_data.c.logo_type)
        mine = catalog_data.c.repository_id == repository.id
        with self._database.read() as connection:
            row = connection.execute(query.where(mine)).first()
        return None if row is None or row.logo is None else (row.logo, row.logo_type)

    def page(self, search: str, after: tuple[str, str], limit: int) -> list[Shown]:
        """At most `limit` public repositories of all accounts, by name and account.

        Beginning behind the name and account in `after`; `search` keeps those whose name or
        description has it, in whatever case.
        """
        mine = repositories.c
        pushed = (
            sa.select(sa.func.max(images.c.pushed_at))
            .where(images.c.repository_id == mine.id)
            .scalar_subquery()
        )
        data = catalog_data.c
        query = (
            sa.select(mine.account, mine.name, data.document, data.logo_type, pushed.label("at"))
            .outerjoin(catalog_data, data.repository_id == mine.id)
            .where(mine.region == NO_REGION, mine.account != RESTING)
            .where(sa.tuple_(mine.name, mine.account) > sa.tuple_(*map(sa.literal, after)))
            .order_by(mine.name, mine.account)
            .limit(limit)
        )
        if search:
            described = sa.func.coalesce(data.document["description"].as_string(), "")
            named = mine.name.icontains(search, autoescape=True)
            query = query.where(sa.or_(named, described.icontains(search, autoescape=True)))
        with self._database.read() as connection:
            return [
                Shown(row.account, row.name, row.document or {}, row.logo_type is not None, row.at)
                for row in connection.execute(query)
            ]


def write(
    connection: sa.Connection,
    repository: Repository,
    document: Mapping[str, Any],
    logo: bytes | None,
    media_type: str | None,
) -> None:
    """Put the data; without a logo, the one that is there stays."""
    mine = catalog_data.c.repository_id == repository.id
    kept = connection.execute(sa.select(catalog_data.c.logo, catalog_data.c.logo_type).where(mine))
    before = kept.first()
    if logo is None and before is not None:
        logo, media_type = before.logo, before.logo_type
    connection.execute(sa.delete(catalog_data).where(mine))
    row = {"document": dict(document), "logo": logo or None, "logo_type": media_type}
    connection.execute(sa.insert(catalog_data).values(repository_id=repository.id, **row))


def logo_type(logo: bytes | None) -> str | None:
    """The media type of a logo; None without one. Raises ParameterInvalid for anything else."""
    if not logo:
        return None
    for start, ninth, media_type in LOGOS:
        if logo.startswith(start) and logo[8 : 8 + len(ninth)] == ninth:
            return media_type
    raise ParameterInvalid(
        "Invalid parameter at 'catalogData.logoImageBlob' failed to satisfy constraint: 'must be"
        " an image: PNG, JPEG, GIF or WebP'"
    )
