"""How commands show numbers to people."""

from __future__ import annotations

import re

_POWERS = {"kib": 1, "mib": 2, "gib": 3, "tib": 4}
_COUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) *(|[kmgt]ib)", re.ASCII | re.IGNORECASE)
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def counted(text: str) -> int:
    """A count of bytes as people write it. Raises ValueError.

    >>> counted("1.5 KiB")
    1536
    """
    match = _COUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number, or one with {', '.join(_POWERS)}")
    return round(float(match[1]) * float(1024 ** _POWERS.get(match[2].lower(), 0)))


def size(count: float) -> str:
    """Bytes in the unit that suits them.

    >>> size(1536)
    '1.5 KiB'
    """
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:,.0f} {unit}" if unit == _UNITS[0] else f"{count:,.1f} {unit}"
