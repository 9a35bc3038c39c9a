"""What is known of a container: from the engine, and from the agent's own journal.

Times are seconds since the epoch, so that decisions are plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from registry.ecs.statuses import HealthStatus

_YEAR_ONE = "0001-01-01"
"""How the engine writes a time that has not come."""
_HEALTH = {"healthy": HealthStatus.HEALTHY, "unhealthy": HealthStatus.UNHEALTHY}


class EngineState(StrEnum):
    """A container's state, as far as it matters here."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Seen:
    """A container as the engine shows it."""

    id: str
    state: EngineState
    exit_code: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    oom_killed: bool = False
    error: str = ""
    health: HealthStatus = HealthStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal keeps of a container."""

    image: str | None = None
    """What it is created from; set once its image is here."""
    digest: str | None = None
    runtime_id: str | None = None
    failure: str | None = None
    """Why it does not come to run; it goes no further up."""
    stop_by: float | None = None
    """It was asked to stop, and is killed then."""
    finished: bool = False
    """It has stopped for good, or will never be started."""
    exit_code: int | None = None
    reason: str | None = None
    started: bool = False
    finished_at: float | None = None
    restarts: int = 0
    restarted_from: float | None = None
    """When the run began after which it was, or is just now, started again."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a container at one moment."""

    record: Record = Record()
    seen: Seen | None = None
    busy: bool = False
    """Whether a step of it is being done."""


def seen_of(shown: Mapping[str, Any]) -> Seen:
    """What `GET /containers/{id}/json` said."""
    state = shown["State"]
    started = moment(state.get("StartedAt"))
    phase = _phase(str(state.get("Status")), started=started is not None)
    return Seen(
        id=shown["Id"],
        state=phase,
        exit_code=state.get("ExitCode") if phase is EngineState.EXITED else None,
        started_at=started,
        finished_at=moment(state.get("FinishedAt")),
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        health=_HEALTH.get((state.get("Health") or {}).get("Status", ""), HealthStatus.UNKNOWN),
    )


def _phase(status: str, *, started: bool) -> EngineState:
    if status in ("running", "paused", "restarting"):
        return EngineState.RUNNING
    # A container that could not be started may be shown as exited though it never ran.
    return (
        EngineState.EXITED
        if status in ("exited", "dead", "removing") and started
        else (EngineState.CREATED)
    )


def moment(text: str | None) -> float | None:
    """The engine's RFC 3339 with nanoseconds, in seconds since the epoch."""
    if not text or text.startswith(_YEAR_ONE):
        return None
    date, _, rest = text.partition(".")
    if not rest:
        return datetime.fromisoformat(text).timestamp()
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(digits) :].replace("Z", "") or "+00:00"
    whole = datetime.fromisoformat(f"{date}{zone}").timestamp()
    return whole + float(f"0.{digits}")


def as_datetime(seconds: float | None) -> datetime | None:
    """The same moment with its time zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
