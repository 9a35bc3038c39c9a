"""What the registry asks of a scanner, whichever program it is.

A scanner reads an image over the registry's own protocol, as any client does, and gives back a
report in Trivy's JSON form (schema 2): the form that the rest of the house reads.

Source: Trivy documentation, "Reporting" (JSON) and "Others" (converting a report).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol


class ScanFailed(Exception):
    """A scan came to no report; the message is fit for the client who asks for findings.

    `again` is whether the same image may well be scanned at another time.
    """

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class ScannerMissing(ScanFailed):
    """There is no scanner that could be run, or it has no database; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, again=True)


class Format(Enum):
    """What a report can be converted into; the value is Trivy's name."""

    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx-json"


@dataclass(frozen=True, slots=True)
class Target:
    """An image, and how to get at it."""

    reference: str
    """`host:port/repository@sha256:…`, of one image: never of an index."""
    username: str
    password: str = field(repr=False)
    tls: bool = False
    """Whether the registry speaks TLS there. Its certificate is not checked on the loopback."""


@dataclass(frozen=True, slots=True)
class ScannerVersion:
    """What is installed."""

    name: str
    version: str
    database: datetime | None
    """When its vulnerability database was made; None where it has none yet."""


class Scanner(Protocol):
    """A scanner. Every call takes as long as the work; threads may call at the same time."""

    def version(self) -> ScannerVersion:
        """What is there. Raises ScannerMissing."""

    def due(self) -> bool:
        """Whether there is a database to get that was not there when it was got last; cheap."""

    def update(self) -> None:
        """Get the newest database, where the settings let it. Raises ScanFailed."""

    def scan(self, target: Target) -> bytes:
        """The report about an image. Raises ScanFailed, ScannerMissing."""

    def convert(self, report: bytes, form: Format) -> bytes:
        """The report in another form. Raises ScanFailed, ScannerMissing."""

    def stop(self) -> None:
        """End whatever runs; those who wait for it get ScanFailed. Nothing runs after it."""
