"""What can be changed about a repository that exists: tags' mutability, scanning, its own tags.

Source: ECR API reference, PutImageTagMutability, PutImageScanningConfiguration, TagResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import repositories
from registry.domain.resource_labels import with_labels, without_labels
from registry.values.errors import Vanished

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.domain.repositories import Repository


class RepositorySettings:
    """Changes them. All raise Vanished where the repository was deleted in the meantime."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_mutability(
        self, repository: Repository, mutability: str, exclusions: Sequence[str]
    ) -> None:
        """From the commit on no tag moves that is not to, whatever a push had seen before."""
        values = {"mutability": mutability, "mutability_exclusions": list(exclusions)}
        with self._database.write() as connection:
            _update(connection, repository, values)

    def set_scan_on_push(self, repository: Repository, *, scan_on_push: bool) -> None:
        """Whether its images are to be scanned as they are pushed."""
        with self._database.write() as connection:
            _update(connection, repository, {"scan_on_push": scan_on_push})

    def tag(self, repository: Repository, labels: Mapping[str, str]) -> None:
        """Add or change the repository's own tags. Raises TooManyTags."""
        with self._database.write() as connection:
            _update(
                connection,
                repository,
                {"resource_tags": with_labels(_labels(connection, repository), labels)},
            )

    def untag(self, repository: Repository, keys: Sequence[str]) -> None:
        """Remove tags of the repository's own; one that is not there is no error."""
        with self._database.write() as connection:
            left = without_labels(_labels(connection, repository), keys)
            _update(connection, repository, {"resource_tags": left})


def _labels(connection: sa.Connection, repository: Repository) -> dict[str, str]:
    query = sa.select(repositories.c.resource_tags).where(repositories.c.id == repository.id)
    return dict(connection.execute(query).scalar() or {})


def _update(connection: sa.Connection, repository: Repository, values: Mapping[str, Any]) -> None:
    changed = connection.execute(
        sa.update(repositories)
        .where(
            repositories.c.id == repository.id,
            repositories.c.account == repository.scope.account,  # not at rest
        )
        .values(values)
    )
    if changed.rowcount == 0:
        raise Vanished(f"the repository '{repository.name}' was deleted in the meantime")
