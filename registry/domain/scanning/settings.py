"""What is set for the scans of one repository: which reports are attached, whose VEX counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import scan_settings
from registry.domain.gates.keys import read_key
from registry.domain.repositories import current
from registry.domain.vex import marks
from registry.values.errors import ParameterInvalid
from registry.values.reports import attached

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.gates.keys import PublicKey
    from registry.domain.repositories import Repository

NONE, SIGNED, ALL = "none", "signed", "all"
TRUSTED = (NONE, SIGNED, ALL)
KEYS_MAX = 10


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The settings of a repository."""

    attach: tuple[str, ...] | None = None
    """Forms of reports that are attached after each scan; None: as the server does."""
    vex_referrers: str = NONE
    """Which VEX documents count that are attached to images: one of TRUSTED."""
    vex_keys: tuple[str, ...] = ()
    """Public keys in PEM, by which such documents are signed."""

    @property
    def keys(self) -> list[PublicKey]:
        """The keys, read."""
        return [read_key(each) for each in self.vex_keys]


class RepositoryScanSettings:
    """Keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, repository: Repository) -> ScanSettings:
        """What is set."""
        with self._database.read() as connection:
            return settings_of(connection, repository.id)

    def put(self, repository: Repository, settings: ScanSettings) -> None:
        """Set all of it. Raises ParameterInvalid, Vanished."""
        _check(settings)
        row = {
            "repository_id": repository.id,
            "attach": None if settings.attach is None else list(settings.attach),
            "vex_referrers": settings.vex_referrers,
            "vex_keys": list(settings.vex_keys),
        }
        with self._database.write() as connection:
            current(connection, repository)
            mine = scan_settings.c.repository_id == repository.id
            connection.execute(sa.delete(scan_settings).where(mine))
            connection.execute(sa.insert(scan_settings).values(row))
            marks.all_of(connection, repository.id)


def settings_of(connection: sa.Connection, repository_id: int) -> ScanSettings:
    """What is set for a repository, in this transaction."""
    query = sa.select(scan_settings).where(scan_settings.c.repository_id == repository_id)
    row = connection.execute(query).first()
    if row is None:
        return ScanSettings()
    attach = None if row.attach is None else tuple(row.attach)
    return ScanSettings(attach, row.vex_referrers, tuple(row.vex_keys))


def _check(settings: ScanSettings) -> None:
    attached("attach", settings.attach or ())
    if settings.vex_referrers not in TRUSTED:
        raise ParameterInvalid(f"vexReferrers must be one of {', '.join(TRUSTED)}")
    if len(settings.vex_keys) > KEYS_MAX:
        raise ParameterInvalid(f"vexKeys: {KEYS_MAX} are the most")
    for number, pem in enumerate(settings.vex_keys):
        try:
            read_key(pem)
        except ValueError as error:
            raise ParameterInvalid(f"vexKeys[{number}] {error}") from None
    if settings.vex_referrers == SIGNED and not settings.vex_keys:
        raise ParameterInvalid("vexReferrers 'signed' needs vexKeys")
