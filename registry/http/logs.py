"""Structured logging: one JSON object (or one line of text) a record, on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

LogFormat = Literal["json", "text"]

_FIELDS = "fields"
"""The name under which `fields()` rides on a record."""

_encode = json.JSONEncoder(default=str).encode

# botocore and urllib3 print signed headers and tokens at DEBUG, whatever we are set to.
_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3")


def configure_logging(
    level: str = "INFO", form: LogFormat = "json", output: TextIO | None = None
) -> None:
    """Send every record of the process to `output` (standard error) in one form.

    Raises ValueError for an unknown level or form.
    """
    if form not in ("json", "text"):
        raise ValueError(f"log format {form!r} is neither json nor text")
    handler = logging.StreamHandler(output or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    # What no format of ours shows need not be found out for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    # Its warnings are about requests it refuses, which registry/http/connection.py logs itself.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    access.handlers[:] = []


def fields(**values: object) -> Mapping[str, Any]:
    """Values for a record's `extra`, as keys of its JSON object; those that are None are left out.

    >>> logger.info("collected", extra=fields(objects=3, seconds=0.2))  # doctest: +SKIP
    """
    return {_FIELDS: values}


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds, from seconds since the epoch."""
    whole = int(seconds)
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{date}.{int((seconds - whole) * 1000):03d}Z"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; control characters are escaped, so a line is a record."""
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_present(record))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


class TextFormatter(logging.Formatter):
    """One line for a person to read: time, level, message and `key=value` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a value with anything but plain characters is quoted as JSON."""
        parts = [timestamp(record.created), record.levelname, _plain(record.getMessage())]
        parts += [f"{key}={_plain(str(value), spaces=False)}" for key, value in _present(record)]
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _present(record: logging.LogRecord) -> list[tuple[str, object]]:
    values: dict[str, object] = getattr(record, _FIELDS, {})
    return [(key, value) for key, value in values.items() if value is not None]


def _plain(text: str, *, spaces: bool = True) -> str:
    """The text, quoted where it could be taken for something else."""
    safe = text.isprintable() and (spaces or not (set(text) & {" ", '"', "="} or not text))
    return text if safe else json.dumps(text)
