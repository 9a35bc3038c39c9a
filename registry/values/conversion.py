"""What a person wrote, as the types of settings. Each raises ValueError for what it cannot read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _bool(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is not true or false")
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is not text")
    return str(value)


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{value!r} is not a path")
    return Path(value)


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise ValueError(f"{value!r} is not a whole number")


def _float(value: Any) -> float:
    wrong = ValueError(f"{value!r} is not a number")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong
    try:
        found = float(value)
    except ValueError:
        raise wrong from None
    if not math.isfinite(found):
        raise wrong
    return found


CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _bool,
    "str": _text,
    "str | None": _text,
    "int": _int,
    "float": _float,
    "Path": _path,
    "Path | None": _path,
}
