"""VEX documents that are kept for a repository, as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import vex_documents
from registry.domain.repositories import current
from registry.domain.tasks import now
from registry.domain.vex import marks
from registry.domain.vex.documents import read_document
from registry.domain.vex.reading import VexInvalid
from registry.values.digest import Digest, shown
from registry.values.errors import EntityNotFound, LimitExceeded, ParameterInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from registry.database.database import Database
    from registry.domain.repositories import Repository

MOST = 100
"""Documents of one repository."""
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """A document, as it was put."""

    name: str
    form: str
    document_id: str
    author: str
    digest: str
    added_at: datetime
    added_by: str


class VexDocuments:
    """Keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, repository: Repository) -> list[Kept]:
        """All of a repository, by name."""
        with self._database.read() as connection:
            return list_in(connection, repository.id)

    def get(self, repository: Repository, name: str) -> tuple[Kept, str]:
        """One, with its text. Raises EntityNotFound."""
        with self._database.read() as connection:
            row = _find(connection, repository, name)
        if row is None:
            raise _unknown(repository, name)
        return _kept(row), row.content

    def put(self, repository: Repository, name: str, content: str, principal: str) -> Kept:
        """Make or change one; `principal` is the ARN of who does.

        Raises ParameterInvalid, LimitExceeded, Vanished.
        """
        if _NAME.fullmatch(name) is None:
            known = "A-Z a-z 0-9 and +=,.@_-"
            raise ParameterInvalid(f"{shown(name)} is no name of a VEX document: {known}")
        try:
            read = read_document(content)
        except VexInvalid as error:
            raise ParameterInvalid(str(error)) from None
        row = {
            "repository_id": repository.id,
            "name": name,
            "form": read.form,
            "document_id": read.id,
            "author": read.author,
            "digest": str(Digest.of(content.encode())),
            "content": content,
            "added_at": now(),
            "added_by": principal,
        }
        with self._database.write() as connection:
            current(connection, repository)
            others = [each for each in list_in(connection, repository.id) if each.name != name]
            if len(others) >= MOST:
                raise LimitExceeded(f"a repository has at most {MOST} VEX documents")
            connection.execute(sa.delete(vex_documents).where(*_is(repository, name)))
            connection.execute(sa.insert(vex_documents).values(row))
            marks.all_of(connection, repository.id)
            return _kept(_find(connection, repository, name))

    def remove(self, repository: Repository, name: str) -> None:
        """Forget one. Raises EntityNotFound."""
        with self._database.write() as connection:
            gone = connection.execute(sa.delete(vex_documents).where(*_is(repository, name)))
            if gone.rowcount == 0:
                raise _unknown(repository, name)
            marks.all_of(connection, repository.id)


def list_in(connection: sa.Connection, repository_id: int) -> list[Kept]:
    """All of a repository, by name."""
    light = [column for column in vex_documents.c if column.name != "content"]
    query = sa.select(*light).where(vex_documents.c.repository_id == repository_id)
    return [_kept(row) for row in connection.execute(query.order_by(vex_documents.c.name))]


def content_of(connection: sa.Connection, repository_id: int, digest: str) -> str:
    """The text of that digest, if it is still there; empty where it is not."""
    query = sa.select(vex_documents.c.content).where(
        vex_documents.c.repository_id == repository_id, vex_documents.c.digest == digest
    )
    return connection.execute(query).scalar() or ""


def _find(connection: sa.Connection, repository: Repository, name: str) -> Any:
    return connection.execute(sa.select(vex_documents).where(*_is(repository, name))).first()


def _is(repository: Repository, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return vex_documents.c.repository_id == repository.id, vex_documents.c.name == name


def _kept(row: Any) -> Kept:
    return Kept(**{name: getattr(row, name) for name in Kept.__slots__})


def _unknown(repository: Repository, name: str) -> EntityNotFound:
    return EntityNotFound(
        f"there is no VEX document {shown(name)} of the repository '{repository.name}'"
    )
