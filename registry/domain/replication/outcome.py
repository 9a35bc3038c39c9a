"""What an attempt to replicate something came to: a failure code, and when to try again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.domain.replication.queue import COMPLETE, FAILED, IN_PROGRESS
from registry.values.errors import (
    Damaged,
    Denied,
    ImageArchived,
    ImageNotFound,
    KeyNotFound,
    KeyUnavailable,
    LimitExceeded,
    MoorageError,
    NotFound,
    RepositoryNotFound,
    TagImmutable,
    Unavailable,
)

ATTEMPTS = 12
"""How often something is tried that may be better later: for some half an hour."""
_FIRST, _LONGEST = timedelta(seconds=1), timedelta(minutes=5)

_log = logging.getLogger("moorage.replication")


class NotServed(Denied):
    """The destination is no registry of this server."""


class Stopped(Exception):
    """The server ends, or another process has taken over."""


_CODES: Sequence[tuple[type[MoorageError], str, bool]] = (
    (NotServed, "DestinationNotServed", False),
    (Denied, "AccessDenied", False),
    (TagImmutable, "ImageTagAlreadyExists", False),
    (KeyNotFound, "KmsError", False),
    (KeyUnavailable, "KmsError", True),
    (LimitExceeded, "LimitExceeded", False),
    (Damaged, "ImageDamaged", False),
    (ImageArchived, "ImageArchived", False),
    (ImageNotFound, "ImageNotFound", False),
    (RepositoryNotFound, "RepositoryNotFound", True),
    (NotFound, "ImageNotFound", True),
    (Unavailable, "ServiceUnavailable", True),
    (MoorageError, "InvalidImage", False),
)
"""Failure codes by error, and whether it may be better later. The first that fits counts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a piece of work stands after an attempt: columns of its row."""

    status: str
    failure_code: str | None
    attempts: int
    due_at: datetime | None


def attempted(work: Callable[[], None], attempts: int, moment: datetime, what: str) -> Outcome:
    """Do the work, which has failed `attempts` times before; `what` names it in the log.

    Raises Stopped alone.
    """
    try:
        work()
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other rows go on
        if not isinstance(error, MoorageError):
            _log.exception("replication of %s failed", what)
        code, again = failure(error)
        if again and attempts + 1 < ATTEMPTS:
            return Outcome(IN_PROGRESS, None, attempts + 1, moment + wait(attempts))
        _log.warning("replication of %s failed: %s: %s", what, code, error)
        return Outcome(FAILED, code, attempts + 1, None)
    return Outcome(COMPLETE, None, attempts, None)


def failure(error: Exception) -> tuple[str, bool]:
    """The failure code, and whether to try again."""
    for kind, code, again in _CODES:
        if isinstance(error, kind):
            return code, again
    return "InternalError", True


def wait(attempts: int) -> timedelta:
    """How long to wait after that many failures and one more."""
    return min(_FIRST * (1 << attempts), _LONGEST)
