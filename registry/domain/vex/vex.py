"""All that is said of an image, and its findings judged by that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.domain import image_rows as rows
from registry.domain.scanning.settings import NONE, ScanSettings, settings_of
from registry.domain.vex.documents import Library
from registry.domain.vex.kept import Kept, content_of, list_in
from registry.domain.vex.reading import VexInvalid
from registry.domain.vex.referrers import Attached, VexReferrers, candidates
from registry.domain.vex.statements import Names, Statement, judged

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.scanning.findings import Finding
    from registry.domain.vex.statements import Document
    from registry.values.digest import Digest


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one image."""

    image: Names
    statements: tuple[Statement, ...]
    key: str
    """The same for the same statements; empty where there are none."""

    def judge(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings with what is said of each; those that count first."""
        return judged(findings, self.statements, self.image)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where to look."""

    image: Names
    settings: ScanSettings
    kept: list[Kept]
    attached: list[str]


class Vex:
    """Gathers it."""

    def __init__(self, database: Database, library: Library, referrers: VexReferrers) -> None:
        self._database = database
        self._library = library
        self._referrers = referrers

    def of(self, repository: Repository, digest: Digest) -> Said:
        """All statements that count for the image."""
        with self._database.read() as connection:
            if not self._any(connection, repository):
                return Said(Names(repository.name, frozenset({str(digest)})), (), "")
            sources = _sources(connection, repository, digest)
        kept = list(self._kept(repository, sources))
        attached = [each.document for each in self._attached(repository, sources)]
        documents = [*kept, *(each for each in attached if each is not None)]
        statements = tuple(each for document in documents for each in document.statements)
        return Said(sources.image, statements, _key(statements))

    def attached(self, repository: Repository, digest: Digest) -> list[Attached]:
        """What is attached to the image, and whether it counts."""
        with self._database.read() as connection:
            sources = _sources(connection, repository, digest)
        return self._attached(repository, sources)

    def _kept(self, repository: Repository, sources: _Sources) -> Iterator[Document]:
        for each in sources.kept:
            source = f"the document '{each.name}' of the repository"
            load = partial(self._text, repository, each.digest)
            with suppress(VexInvalid):  # it was removed in the meantime
                yield self._library.get(each.digest, source, load)

    def _text(self, repository: Repository, digest: str) -> str:
        with self._database.read() as connection:
            return content_of(connection, repository.id, digest)

    def _attached(self, repository: Repository, sources: _Sources) -> list[Attached]:
        if sources.settings.vex_referrers == NONE:
            return []
        names = sources.image.digests
        return list(self._referrers.of(repository, names, sources.attached, sources.settings))

    def _any(self, connection: sa.Connection, repository: Repository) -> bool:
        """Whether there is anything to look for; quick."""
        if settings_of(connection, repository.id).vex_referrers != NONE:
            return True
        return bool(list_in(connection, repository.id))


def _sources(connection: sa.Connection, repository: Repository, digest: Digest) -> _Sources:
    listing = connection.execute(rows.listing(repository, digest).limit(20)).scalars()
    names = frozenset({str(digest), *listing})
    settings = settings_of(connection, repository.id)
    trusted = settings.vex_referrers != NONE
    return _Sources(
        image=Names(repository.name, names),
        settings=settings,
        kept=list_in(connection, repository.id),
        attached=candidates(connection, repository, names) if trusted else [],
    )


def _key(statements: tuple[Statement, ...]) -> str:
    if not statements:
        return ""
    # Sets have no order: everything in them is sorted before it is hashed.
    told = sorted(
        repr((sorted(each.vulnerabilities), each.products, each.verdict)) for each in statements
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
