"""The body of one answer to GetObject, held to what the answer promised.

Source: RFC 9110 section 14.4, "Content-Range".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from registry.values.errors import StorageUnavailable

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opened:
    """A body that ends before the object's byte `end`; None for a range without bytes."""

    body: StreamingBody | None
    end: int
    etag: str

    @classmethod
    def of(cls, answer: GetObjectOutputTypeDef, offset: int, *, ranged: bool) -> Opened:
        """The body of the answer.

        Raises StorageUnavailable for an answer that does not begin at `offset`.
        """
        start, end = 0, answer["ContentLength"]
        if ranged:
            found = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
            start, end = (int(found[1]), int(found[2]) + 1) if found else (0, end)
        opened = cls(answer["Body"], end, answer["ETag"])
        if start != offset:
            opened.close()
            raise StorageUnavailable("the object store answered another range than was asked for")
        return opened

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none if the answer broke off."""
        try:
            return self.body.read(size) if self.body else b""
        except (BotoCoreError, OSError):
            return b""

    def close(self) -> None:
        """Let go of the connection."""
        if self.body:
            self.body.close()
