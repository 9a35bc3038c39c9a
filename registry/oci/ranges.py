"""Byte ranges: of what a client wants, and of what it sends.

Sources: RFC 9110 section 14; OCI distribution-spec, "Pushing a blob in chunks".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.values.errors import SizeInvalid

_WANTED = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.ASCII | re.IGNORECASE)
_SENT = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\d{1,19}|\*))?", re.ASCII)


class Unsatisfiable(Exception):
    """The range lies behind the end, or ends before it begins."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a content, in bytes."""

    start: int
    length: int

    @property
    def last(self) -> int:
        """Position of its last byte."""
        return self.start + self.length - 1


def wanted(header: str | None, size: int) -> Span | None:
    """What a Range header asks for of `size` bytes; None where the whole is to be sent.

    Several ranges and other units are ignored, as RFC 9110 allows. Raises Unsatisfiable.
    """
    match = _WANTED.fullmatch(header) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        return _suffix(int(last), size)
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if end < start:  # behind the end, or reversed: RFC 9110 lets a server reject that too
        raise Unsatisfiable
    return Span(start, end - start + 1)


def sent(header: str | None) -> Span | None:
    """What a Content-Range header says of the body. Raises SizeInvalid if it is malformed."""
    if header is None:
        return None
    match = _SENT.fullmatch(header.strip())
    if match is None:
        raise SizeInvalid(f"Content-Range {header[:80]!r} is not <first byte>-<last byte>")
    start, last = map(int, match.groups())
    if last < start:
        raise SizeInvalid(f"Content-Range {header[:80]!r} ends before it begins")
    return Span(start, last - start + 1)


def _suffix(count: int, size: int) -> Span:
    if count == 0 or size == 0:
        raise Unsatisfiable
    length = min(count, size)
    return Span(size - length, length)
