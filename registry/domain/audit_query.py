"""Questions to the audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from registry.domain.audit import days_kept
from registry.values.errors import ParameterInvalid

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_AGO = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Query:
    """Which events are wanted; None is any. Texts may have the wildcards * and ?."""

    since: datetime | None = None
    until: datetime | None = None
    """Events of this second are left out."""
    principal: str | None = None
    """ARN, name, unique id or access key id."""
    action: str | None = None
    """Such as `ecr:PutImage`, in any case."""
    repository: str | None = None
    denied: bool = False
    """Only what was refused."""

    def wants(self, event: dict[str, Any]) -> bool:
        """Whether the event is one of them."""
        return (
            self._in_time(event["eventTime"])
            and not (self.denied and event["decision"]["allowed"])
            and _fits(self.action, [action_of(event)], fold=True)
            and _fits(self.repository, [event["requestParameters"].get("repositoryName")])
            and _fits(self.principal, _names(event["userIdentity"]))
        )

    def _in_time(self, text: str) -> bool:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
        return (self.since is None or moment >= self.since) and (
            self.until is None or moment < self.until
        )


class Search:
    """The events of a log that a query wants, day by day, in the order they were written."""

    def __init__(self, folder: Path, query: Query) -> None:
        self._folder = folder
        self._query = query
        self.unreadable = 0
        """Lines that a crash or a full disk cut short, and were passed over."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        since, until = self._query.since, self._query.until
        for day, path in days_kept(self._folder):
            if since is not None and day < since.astimezone(UTC).date():
                continue
            if until is not None and day > until.astimezone(UTC).date():
                continue
            yield from self._in_file(path)

    def _in_file(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    event = json.loads(line)
                    wanted = self._query.wants(event)
                except (ValueError, KeyError, TypeError, AttributeError):
                    self.unreadable += 1
                    continue
                if wanted:
                    yield event


def moment(text: str, now: datetime) -> datetime:
    """A point in time: `2026-01-31`, `2026-01-31T12:00:00Z`, or `90m`, `24h`, `7d` ago.

    Raises ParameterInvalid. A time without a zone is UTC.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ParameterInvalid(
            f"{text!r} is no time: 2026-01-31, 2026-01-31T12:00:00Z, or 24h for a day ago"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def action_of(event: dict[str, Any]) -> str:
    """The IAM action of an event."""
    return f"{event['eventSource'].removesuffix('.amazonaws.com')}:{event['eventName']}"


def row(event: dict[str, Any]) -> tuple[str, ...]:
    """An event for people: time, outcome, action, resource, who, from where, why."""
    who, made = event["userIdentity"], event["decision"]
    tag = event["requestParameters"].get("imageTag")
    resource = event["requestParameters"].get("repositoryName") or event["resources"][0]["ARN"]
    why = event.get("errorCode") or ""
    if made.get("policy"):
        sid = f" {made['sid']}" if made.get("sid") else ""
        why = f"{made['policy']}[{made['statement']}]{sid}"
    elif not made["allowed"]:
        why = f"{why}: {made['reason']}"
    return (
        event["eventTime"],
        "allowed" if made["allowed"] else "DENIED",
        action_of(event),
        f"{resource}:{tag}" if tag else resource,
        _shown(who),
        event["sourceIPAddress"] or "-",
        why or "-",
    )


def _shown(who: dict[str, Any]) -> str:
    if who["type"] == "Operator":
        return f"operator {who['userName']}"
    return str(who.get("arn") or who.get("accountId") or who["type"])


def _names(who: dict[str, Any]) -> list[str | None]:
    issuer = who.get("sessionContext", {}).get("sessionIssuer", {})
    names = [who.get(key) for key in ("arn", "userName", "principalId", "accessKeyId", "accountId")]
    return [*names, issuer.get("arn"), issuer.get("userName")]


def _fits(pattern: str | None, texts: list[str | None], *, fold: bool = False) -> bool:
    if pattern is None:
        return True
    if fold:
        pattern, texts = pattern.lower(), [text.lower() for text in texts if text]
    return any(text is not None and fnmatchcase(text, pattern) for text in texts)
