"""What must not be deleted: repositories and tags that somebody protected.

A protected repository cannot be deleted, its images can. A protected tag cannot be deleted, nor
can the image on which it stands, nor its repository; moving it to another image is a matter of
immutability. A repository is protected by a row, or by its resource tag `LABEL`, which Terraform
and the AWS CLI can set. Whether immutable tags can be deleted is a setting of the server.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import protections, tags
from registry.domain.repositories import current
from registry.values.errors import ParameterInvalid, Protected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.database.database import Database
    from registry.domain.repositories import Repository

LABEL = "moorage:deletion-protection"
"""A resource tag: with any value but those of `OFF` the repository is protected."""
OFF = frozenset({"", "0", "false", "no", "off", "disabled"})
PATTERNS_MAX, PATTERN_MAX = 50, 128


@dataclass(frozen=True, slots=True)
class Protection:
    """What of a repository is protected."""

    repository: bool = False
    """By its row."""
    tags: tuple[str, ...] = ()
    """Patterns: `*` and `?` stand for any characters, or one."""
    label: bool = False
    """The repository is protected by its resource tag."""

    def covers(self, tag: str) -> bool:
        """Whether the tag is protected."""
        return any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.tags)


class Protections:
    """Reads and sets them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, repository: Repository) -> Protection:
        """What is protected. Raises Vanished."""
        with self._database.read() as connection:
            return protection_of(connection, repository)

    def set(
        self, repository: Repository, *, itself: bool | None, patterns: Sequence[str] | None
    ) -> Protection:
        """Change what is given; what is protected then. Raises ParameterInvalid, Vanished."""
        _check(patterns or ())
        with self._database.write() as connection:
            old = protection_of(connection, repository)
            row = {
                "repository_id": repository.id,
                "repository": old.repository if itself is None else itself,
                "tags": list(old.tags if patterns is None else dict.fromkeys(patterns)),
            }
            connection.execute(
                sa.delete(protections).where(protections.c.repository_id == repository.id)
            )
            connection.execute(sa.insert(protections).values(row))
            return protection_of(connection, repository)


def protection_of(connection: sa.Connection, repository: Repository) -> Protection:
    """What is protected as of this transaction. Raises Vanished."""
    labels = dict(current(connection, repository).resource_tags)
    label = LABEL in labels and labels[LABEL].strip().lower() not in OFF
    query = sa.select(protections).where(protections.c.repository_id == repository.id)
    row = connection.execute(query).first()
    if row is None:
        return Protection(label=label)
    return Protection(row.repository, tuple(row.tags), label)


def refuse_tags(
    connection: sa.Connection, repository: Repository, names: Iterable[str], *, immutable: bool
) -> None:
    """Raise Protected if one of the tags is protected.

    With `immutable` also if it is one that cannot move. Raises Vanished.
    """
    protection = protection_of(connection, repository)
    fixed = current(connection, repository) if immutable else None
    for name in names:
        if protection.covers(name):
            raise Protected(
                f"the tag '{name}' of the repository '{repository.name}' is protected from deletion"
            )
        if fixed is not None and fixed.fixes(name):
            raise Protected(
                f"the tag '{name}' of the repository '{repository.name}' is immutable, and the"
                " server's setting delete_immutable forbids its deletion"
            )


def refuse_repository(
    connection: sa.Connection, repository: Repository, *, immutable: bool
) -> None:
    """Raise Protected if the repository is protected, or one of its tags. Raises Vanished."""
    protection = protection_of(connection, repository)
    if protection.repository or protection.label:
        by = f" by its resource tag {LABEL}" if protection.label else ""
        raise Protected(f"the repository '{repository.name}' is protected from deletion{by}")
    if protection.tags or immutable:
        query = sa.select(tags.c.name).where(tags.c.repository_id == repository.id)
        names = connection.execute(query.order_by(tags.c.name)).scalars()
        refuse_tags(connection, repository, names, immutable=immutable)


def _check(patterns: Sequence[str]) -> None:
    if len(patterns) > PATTERNS_MAX:
        raise ParameterInvalid(f"a repository has at most {PATTERNS_MAX} patterns of tags")
    for pattern in patterns:
        if not 1 <= len(pattern) <= PATTERN_MAX or not pattern.isascii() or " " in pattern:
            raise ParameterInvalid(
                f"a pattern of tags has 1 to {PATTERN_MAX} characters of a tag, * and ?"
            )
