"""Reports and findings as they lie in rows: packed with gzip, sealed as the image's manifest is.

They lie under the key that the manifest lies under, and move with it to another one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, scan_reports
from registry.domain.scanning.findings import Finding, dump, load
from registry.values.errors import Damaged

if TYPE_CHECKING:
    from registry.domain.vault import Vault

_LEVEL = 6
_REPORT, _FINDINGS = "scan report of {}", "scan findings of {}"


class Reports:
    """Writes and reads them, in the transactions of others."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def write(
        self, connection: sa.Connection, image_id: int, report: bytes, findings: Iterable[Finding]
    ) -> bool:
        """Keep what a scan of the image gave, in the place of what was there; whether it could.

        False where the image has gone. Raises KeyNotFound, KeyUnavailable.
        """
        return self.keep(connection, image_id, report, dump(findings))

    def keep(
        self, connection: sa.Connection, image_id: int, report: bytes, findings: bytes
    ) -> bool:
        """The same, of findings as `findings.dump` writes them."""
        row = connection.execute(_image(image_id)).first()
        if row is None:
            return False
        sealed = {
            "report": self._seal(row.key_id, report, _REPORT.format(row.digest)),
            "findings": self._seal(row.key_id, findings, _FINDINGS.format(row.digest)),
        }
        _drop(connection, image_id)
        connection.execute(sa.insert(scan_reports).values(image_id=image_id, **sealed))
        return True

    def drop(self, connection: sa.Connection, image_id: int) -> None:
        """Keep nothing of the image."""
        _drop(connection, image_id)

    def findings(self, connection: sa.Connection, image_id: int) -> list[Finding]:
        """What was found last; nothing where nothing was. Raises Damaged, KeyUnavailable."""
        return load(self.dumped(connection, image_id))

    def dumped(self, connection: sa.Connection, image_id: int) -> bytes:
        """The same as `findings.dump` wrote it. Raises Damaged, KeyUnavailable."""
        return self._read(connection, image_id, "findings", _FINDINGS) or b"[]"

    def report(self, connection: sa.Connection, image_id: int) -> bytes | None:
        """The scanner's report. Raises Damaged, KeyNotFound, KeyUnavailable."""
        return self._read(connection, image_id, "report", _REPORT)

    def reseal(self, connection: sa.Connection, image_id: int, left: str, new: str) -> None:
        """Move what there is of an image from one key to another, as its manifest moves.

        What cannot be opened is dropped: a scan gives it again.
        """
        query = sa.select(scan_reports).where(scan_reports.c.image_id == image_id)
        row = connection.execute(query).first()
        if row is None:
            return
        digest = connection.execute(_image(image_id)).one().digest
        names = {"report": _REPORT.format(digest), "findings": _FINDINGS.format(digest)}
        sealed = {"report": row.report, "findings": row.findings}
        try:
            opened = {each: self._vault.open(left, sealed[each], names[each]) for each in sealed}
        except Damaged:
            _drop(connection, image_id)
            return
        moved = {each: self._vault.seal(new, opened[each], names[each]) for each in opened}
        mine = scan_reports.c.image_id == image_id
        connection.execute(sa.update(scan_reports).where(mine).values(**moved))

    def _read(
        self, connection: sa.Connection, image_id: int, column: str, name: str
    ) -> bytes | None:
        query = (
            sa.select(images.c.key_id, images.c.digest, scan_reports.c[column].label("sealed"))
            .join(scan_reports, scan_reports.c.image_id == images.c.id)
            .where(images.c.id == image_id)
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        try:
            return zlib.decompress(
                self._vault.open(row.key_id, row.sealed, name.format(row.digest))
            )
        except zlib.error as error:
            raise Damaged(f"the scan of {row.digest} cannot be read: {error}") from None

    def _seal(self, key_id: str, content: bytes, name: str) -> bytes:
        return self._vault.seal(key_id, zlib.compress(content, _LEVEL), name)


def _image(image_id: int) -> sa.Select[tuple[str, str]]:
    return sa.select(images.c.key_id, images.c.digest).where(images.c.id == image_id)


def _drop(connection: sa.Connection, image_id: int) -> None:
    connection.execute(sa.delete(scan_reports).where(scan_reports.c.image_id == image_id))
