"""Templates: what a repository gets that is made for somebody, by a push or a first pull.

A template is for all names below its prefix; the longest prefix counts, and `ROOT` where no
other does. It is kept by the names of ECR's model.

Source: ECR User Guide, "Templates to control repositories created during ..."; ECR API
reference, CreateRepositoryCreationTemplate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import creation_templates
from registry.domain.repositories import Encryption
from registry.values.errors import TemplateExists, TemplateNotFound

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repositories, Repository
    from registry.values.scope import Scope

ROOT = "ROOT"
ON_PUSH = "CREATE_ON_PUSH"
THROUGH_CACHE = "PULL_THROUGH_CACHE"
ON_REPLICATION = "REPLICATION"

Document = Mapping[str, Any]
"""A template's members but its times."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template, as stored."""

    prefix: str
    """Without the slash that is always assumed behind it."""
    document: Document
    created_at: datetime
    updated_at: datetime


class Templates:
    """Create, find, change, delete; and make repositories by them."""

    def __init__(self, database: Database, repositories: Repositories) -> None:
        self._database = database
        self._repositories = repositories

    def create(self, scope: Scope, document: Document) -> Template:
        """Keep a new one. Raises TemplateExists."""
        now, prefix = datetime.now(UTC), plain(document["prefix"])
        with self._database.write() as connection:
            if _find(connection, scope, prefix) is not None:
                raise TemplateExists(
                    f"The repository creation template with prefix '{prefix}' already exists in"
                    f" the registry with id '{scope.account}'"
                )
            connection.execute(
                sa.insert(creation_templates).values(
                    account=scope.account,
                    region=scope.region,
                    prefix=prefix,
                    document=dict(document),
                    created_at=now,
                    updated_at=now,
                )
            )
        return Template(prefix, document, now, now)

    def update(self, scope: Scope, prefix: str, change: Callable[[Document], Document]) -> Template:
        """Keep what `change` makes of it. Raises TemplateNotFound, and what `change` raises."""
        with self._database.write() as connection:
            old = _existing(connection, scope, prefix)
            new = Template(old.prefix, change(old.document), old.created_at, datetime.now(UTC))
            connection.execute(
                sa.update(creation_templates)
                .where(*_named(scope, prefix))
                .values(document=dict(new.document), updated_at=new.updated_at)
            )
        return new

    def delete(self, scope: Scope, prefix: str) -> Template:
        """Forget it; what it was. Raises TemplateNotFound."""
        with self._database.write() as connection:
            old = _existing(connection, scope, prefix)
            connection.execute(sa.delete(creation_templates).where(*_named(scope, prefix)))
        return old

    def find(self, scope: Scope, prefix: str) -> Template | None:
        """The one of that prefix."""
        with self._database.read() as connection:
            return _find(connection, scope, plain(prefix))

    def page(self, scope: Scope, after: str, limit: int) -> list[Template]:
        """At most `limit` by prefix, beginning behind `after`."""
        table = creation_templates.c
        query = (
            sa.select(creation_templates)
            .where(table.account == scope.account, table.region == scope.region)
            .where(table.prefix > after)
            .order_by(table.prefix)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_template(row) for row in connection.execute(query)]

    def create_on_push(self, scope: Scope, name: str) -> Repository:
        """Make the repository that a push needs, as the template for it says.

        Raises RepositoryExists, KeyNotFound, KeyUnavailable.
        """
        return self.create_for(scope, name, ON_PUSH)

    def create_for(self, scope: Scope, name: str, scenario: str) -> Repository:
        """Make a repository for one of ECR's scenarios, as the template for it says.

        Raises RepositoryExists, KeyNotFound, KeyUnavailable.
        """
        template = self._for(scope, name, scenario)
        if template is None:
            return self._repositories.create(scope, name)
        asked = template.document
        encryption = asked["encryptionConfiguration"]
        filters = asked.get("imageTagMutabilityExclusionFilters", ())
        return self._repositories.create(
            scope,
            name,
            mutability=asked["imageTagMutability"],
            exclusions=[each["filter"] for each in filters],
            encryption=Encryption(encryption["encryptionType"], encryption.get("kmsKey") or None),
            resource_tags={each["Key"]: each["Value"] for each in asked["resourceTags"]},
            policy=asked.get("repositoryPolicy") or None,
            lifecycle=asked.get("lifecyclePolicy") or None,
        )

    def _for(self, scope: Scope, name: str, scenario: str) -> Template | None:
        parts = name.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
        with self._database.read() as connection:
            for prefix in (*prefixes, ROOT):
                found = _find(connection, scope, prefix)
                if found is not None and scenario in found.document["appliedFor"]:
                    return found
        return None


def plain(prefix: str) -> str:
    """A prefix without the slash that may be written behind it."""
    return prefix.removesuffix("/")


def _existing(connection: sa.Connection, scope: Scope, prefix: str) -> Template:
    found = _find(connection, scope, plain(prefix))
    if found is None:
        raise TemplateNotFound(
            f"The repository creation template with prefix '{plain(prefix)}' does not exist in"
            f" the registry with id '{scope.account}'"
        )
    return found


def _find(connection: sa.Connection, scope: Scope, prefix: str) -> Template | None:
    query = sa.select(creation_templates).where(*_named(scope, prefix))
    row = connection.execute(query).first()
    return None if row is None else _template(row)


def _named(scope: Scope, prefix: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = creation_templates.c
    return (
        table.account == scope.account,
        table.region == scope.region,
        table.prefix == plain(prefix),
    )


def _template(row: sa.Row[Any]) -> Template:
    return Template(row.prefix, row.document, row.created_at, row.updated_at)
