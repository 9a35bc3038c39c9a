"""Leaves on the wire: as JSON values, and as the text of forms and XML.

Sources: the AWS JSON 1.1 and AWS query protocol pages of the Smithy specification.
Timestamps are aware datetimes in UTC; blobs are bytes.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from botocore.model import Shape

from registry.aws.shapes import Unfit, kind, malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_FLOATS = ("float", "double")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_json(shape: Shape, wire: Any, path: str) -> Any:
    """A leaf of a JSON document. Raises RequestError (MALFORMED)."""
    name = shape.type_name
    if name in _BITS and isinstance(wire, int) and not isinstance(wire, bool):
        return _bounded(shape, wire, path)
    if name == "boolean" and isinstance(wire, bool):
        return wire
    if name in _FLOATS and (isinstance(wire, int | float) and not isinstance(wire, bool)):
        return _floating(wire, path)
    if name in _FLOATS and isinstance(wire, str) and wire in _NOT_FINITE:
        return _NOT_FINITE[wire]
    if name == "timestamp" and _timestamp_format(shape, "unixtimestamp") == "unixtimestamp":
        return _read_epoch(wire, path)
    if name in ("string", "character", "blob", "timestamp") and isinstance(wire, str):
        return read_text(shape, wire, path)
    raise malformed(f"{kind(wire)} can not be converted to {_described(shape)}", path)


def read_text(shape: Shape, wire: Any, path: str) -> Any:
    """A leaf of a form. Raises RequestError (MALFORMED)."""
    if not isinstance(wire, str):
        raise malformed(f"structure or list found where {_described(shape)} is expected", path)
    name = shape.type_name
    try:
        if name in _BITS:
            return _bounded(shape, _integer(wire), path)
        if name in _FLOATS:
            return _NOT_FINITE[wire] if wire in _NOT_FINITE else _floating(_decimal(wire), path)
        if name == "boolean":
            return {"true": True, "false": False}[wire.lower()]
        if name == "timestamp":
            return _read_time(shape, wire)
        if name == "blob":
            # Unlike b64decode this makes no copy of the text, which can be a layer part.
            return binascii.a2b_base64(wire, strict_mode=True)
        # A lone surrogate is no text: it could neither be stored nor answered.
        wire.encode()
    except (ValueError, KeyError, OverflowError, binascii.Error):
        raise malformed(f"the value can not be converted to {_described(shape)}", path) from None
    return wire


def write_json(shape: Shape, value: Any, path: str) -> Any:
    """A leaf as a JSON value. Raises Unfit."""
    _fits(shape, value, path)
    name = shape.type_name
    if name == "timestamp" and _timestamp_format(shape, "unixtimestamp") == "unixtimestamp":
        return (value - _EPOCH) / timedelta(seconds=1)
    if name in _FLOATS and math.isfinite(value):
        return float(value)
    if name in ("timestamp", "blob", *_FLOATS):
        return write_text(shape, value, path)
    return value


def write_text(shape: Shape, value: Any, path: str) -> str:
    """A leaf as the text of an XML element. Raises Unfit."""
    _fits(shape, value, path)
    name = shape.type_name
    if name == "boolean":
        return "true" if value else "false"
    if name == "blob":
        return base64.b64encode(value).decode("ascii")
    if name == "timestamp":
        return _write_time(shape, value.astimezone(UTC))
    if name in _FLOATS:
        return _write_float(float(value))
    return format(value, "d") if name in _BITS else str.__str__(value)


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "blob": (bytes, bytearray),
    "timestamp": (datetime,),
    **dict.fromkeys(_BITS, (int,)),
    **dict.fromkeys(_FLOATS, (int, float)),
}


def _fits(shape: Shape, value: Any, path: str) -> None:
    name = shape.type_name
    wrong = not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and name != "boolean")
    if wrong or (isinstance(value, datetime) and value.tzinfo is None):
        raise Unfit(f"{path}: {type(value).__name__} for {_described(shape)} (times need a zone)")


def _described(shape: Shape) -> str:
    name = shape.type_name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name.capitalize()}"


def _bounded(shape: Shape, number: int, path: str) -> int:
    limit = 1 << (_BITS[shape.type_name] - 1)
    if not -limit <= number < limit:
        raise malformed(f"the number is out of range for {_described(shape)}", path)
    return number


def _integer(text: str) -> int:
    # int() alone would take spaces, underscores and other scripts' digits.
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> float:
    if not text.isascii() or not text[-1:].isdigit() or "_" in text or text != text.strip():
        raise ValueError(text)
    return float(text)


def _floating(number: float, path: str) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise malformed("the number is out of range for a Double", path)
    return value


def _timestamp_format(shape: Shape, default: str) -> str:
    return str(shape.serialization.get("timestampFormat", default)).lower()


def _read_epoch(wire: Any, path: str) -> datetime:
    if isinstance(wire, bool) or not isinstance(wire, int | float):
        raise malformed(f"{kind(wire)} can not be converted to a Timestamp", path)
    try:
        return _EPOCH + timedelta(microseconds=round(wire * 1_000_000))
    except (OverflowError, ValueError):
        raise malformed("the number is out of range for a Timestamp", path) from None


def _read_time(shape: Shape, text: str) -> datetime:
    form = _timestamp_format(shape, "iso8601")
    if form == "unixtimestamp":
        return _EPOCH + timedelta(seconds=_decimal(text))
    moment = parsedate_to_datetime(text) if form == "rfc822" else datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _write_time(shape: Shape, moment: datetime) -> str:
    form = _timestamp_format(shape, "iso8601")
    if form == "unixtimestamp":
        return _write_float((moment - _EPOCH) / timedelta(seconds=1))
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    precision = "microseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _write_float(number: float) -> str:
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
