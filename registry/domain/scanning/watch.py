"""Which scanner there is: asked now and then, not for each image."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from registry.scanners.scanner import (
    ScanFailed,
    Scanner,
    ScannerMissing,
    ScannerVersion,
)

_GOOD_SECONDS = 60.0
_BAD_SECONDS = 15.0
"""How long an answer is believed."""


class Watch:
    """Asks for the version, and for a first database, in the name of all threads."""

    def __init__(
        self,
        scanner: Scanner,
        *,
        remote: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`remote` is set where a server elsewhere has the database."""
        self._scanner = scanner
        self._remote = remote
        self._clock = clock
        self._lock = threading.Lock()
        self._known: ScannerVersion | ScannerMissing | None = None
        self._until = 0.0

    def version(self) -> ScannerVersion:
        """Scanner and database, ready to scan. Raises ScannerMissing."""
        with self._lock:
            if self._known is None or self._clock() >= self._until:
                self._known = self._ask()
                good = isinstance(self._known, ScannerVersion)
                self._until = self._clock() + (_GOOD_SECONDS if good else _BAD_SECONDS)
            if isinstance(self._known, ScannerMissing):
                raise ScannerMissing(str(self._known))
            return self._known

    def due(self) -> bool:
        """Whether to update, however short the time since it was done last."""
        return self._scanner.due()

    def update(self) -> ScannerVersion:
        """Get the newest database first. Raises ScanFailed; then the one that is there stays."""
        with self._lock:
            self._known = None
            self._scanner.update()
        return self.version()

    def _ask(self) -> ScannerVersion | ScannerMissing:
        try:
            found = self._scanner.version()
            if found.database is None and not self._remote:
                self._scanner.update()
                found = self._scanner.version()
        except ScannerMissing as error:
            return error
        except ScanFailed as error:
            return ScannerMissing(f"The scanner has no vulnerability database. {error}")
        if found.database is None and not self._remote:
            return ScannerMissing(
                "The scanner has no vulnerability database, and is not to fetch one"
                " (trivy_offline): push one with `moorage scan db push`, or put one into its cache"
                " directory."
            )
        return found
