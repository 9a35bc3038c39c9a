"""Reading what the engine shows of a container."""

from __future__ import annotations

from typing import Any

import pytest

from registry.ecs.agent.facts import EngineState, Seen, as_datetime, moment, seen_of
from registry.ecs.statuses import HealthStatus

NEVER = "0001-01-01T00:00:00Z"


def state(**members: Any) -> dict[str, Any]:
    """Of a container that runs, but for these members."""
    running = {"Status": "running", "StartedAt": "2026-11-23T04:00:00.5Z", "FinishedAt": NEVER}
    return {"Id": "1", "State": {**running, "ExitCode": 0, **members}}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, EngineState.RUNNING),
        ({"Status": "paused"}, EngineState.RUNNING),
        ({"Status": "created", "StartedAt": NEVER}, EngineState.CREATED),
        ({"Status": "exited"}, EngineState.EXITED),
        ({"Status": "dead"}, EngineState.EXITED),
        ({"Status": "exited", "StartedAt": NEVER}, EngineState.CREATED),
    ],
)
def test_states(members: dict[str, Any], expected: EngineState) -> None:
    assert seen_of(state(**members)).state is expected


def test_all_of_a_container_that_ended() -> None:
    shown = state(
        Status="exited", FinishedAt="2026-11-23T04:00:02.25Z", ExitCode=137, OOMKilled=True,
        Error="killed", Health={"Status": "unhealthy"},
    )  # fmt: skip
    began = moment("2026-11-23T04:00:00.5Z")
    assert began is not None
    assert seen_of(shown) == Seen(
        "1", EngineState.EXITED, 137, began, began + 1.75, True, "killed", HealthStatus.UNHEALTHY
    )
    assert seen_of(state(ExitCode=0)).exit_code is None, "one that runs has no exit code yet"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T04:00:00.123456789Z", "2026-11-23T04:00:00.123457+00:00"),
        ("2026-11-23T04:00:00Z", "2026-11-23T04:00:00+00:00"),
        ("2026-11-23T05:00:00.5+01:00", "2026-11-23T04:00:00.500000+00:00"),
        ("2026-11-22T23:00:00.5-05:00", "2026-11-23T04:00:00.500000+00:00"),
        (NEVER, None),
        ("", None),
        (None, None),
    ],
)
def test_moments(text: str | None, expected: str | None) -> None:
    found = as_datetime(moment(text))
    assert (found.isoformat() if found else None) == expected
