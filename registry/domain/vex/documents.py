"""VEX documents of any form that is known."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable

from registry.domain.vex.csaf import is_csaf, read_csaf
from registry.domain.vex.cyclonedx import is_cyclonedx, read_cyclonedx
from registry.domain.vex.openvex import is_openvex, read_openvex
from registry.domain.vex.reading import VexInvalid
from registry.domain.vex.statements import Document

SIZE_MAX = 1024 * 1024
"""Bytes of a document."""
REMEMBERED_MAX = 128
_READERS = ((is_openvex, read_openvex), (is_cyclonedx, read_cyclonedx), (is_csaf, read_csaf))


def read_document(content: bytes | str) -> Document:
    """The document. Raises VexInvalid, saying where it is wrong."""
    if len(content) > SIZE_MAX:
        raise VexInvalid(f"the VEX document is longer than {SIZE_MAX >> 20} MiB")
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        raise VexInvalid("the VEX document is invalid: it is not JSON") from None
    if isinstance(given, dict):
        for is_it, read in _READERS:
            if is_it(given):
                return read(given)
    raise VexInvalid(
        "the VEX document is invalid: it is neither OpenVEX (@context), CycloneDX (bomFormat)"
        " nor CSAF (document.csaf_version)"
    )


class Library:
    """Documents that were read before, so that whoever reads them again need not wait."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, str], Document] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, source: str, load: Callable[[], str]) -> Document:
        """The document of that digest, from there. Raises VexInvalid."""
        key = digest, source
        with self._lock:
            if key in self._read:
                self._read.move_to_end(key)
                return self._read[key]
        found = read_document(load()).of(source)
        with self._lock:
            self._read[key] = found
            while len(self._read) > REMEMBERED_MAX:
                self._read.popitem(last=False)
        return found
