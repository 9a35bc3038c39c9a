"""What an agent writes down is there again after it was killed."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.ecs.agent.facts import Record
from registry.ecs.agent.journal import Journal, JournalClosed, TaskState
from registry.ecs.protocol import RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus, StopCode

CREDENTIALS = RoleCredentials(
    "id", "arn:role", "AKIA", "very secret", "token", datetime(2026, 11, 23, 4, 5, tzinfo=UTC)
)


def payload(arn: str = "arn:task/1") -> TaskPayload:
    definition = {"family": "web", "registeredAt": datetime(2026, 1, 2, tzinfo=UTC)}
    return TaskPayload(
        arn, "arn:cluster", definition, DesiredStatus.RUNNING, "EC2", {"app": "arn:container"},
        "web", {"team": "blue"}, CREDENTIALS, None, execute_command=True,
    )  # fmt: skip


def test_all_of_it_comes_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    journal.keep([payload(), payload("arn:task/2")])
    journal.keep([replace(payload(), desired_status=DesiredStatus.STOPPED)])
    journal.note("arn:task/1", stop_code=StopCode.USER_INITIATED, stopped_at=7.5)
    journal.record("arn:task/1", "app", image="image", exit_code=0)
    journal.record("arn:task/1", "app", finished=True)
    identity = journal.agent_id
    # Not closed: it was killed.
    again = Journal(tmp_path / "agent.db")
    assert again.agent_id == identity
    assert again.arns() == ["arn:task/1", "arn:task/2"]
    entry = again.entry("arn:task/1")
    assert entry is not None
    shown = {"family": "web", "registeredAt": "2026-01-02T00:00:00+00:00"}
    stopped = replace(payload(), desired_status=DesiredStatus.STOPPED, definition=shown)
    assert entry.payload == stopped
    assert entry.state == TaskState(stop_code=StopCode.USER_INITIATED, stopped_at=7.5)
    assert entry.records == {"app": Record(image="image", exit_code=0, finished=True)}
    assert entry.record("other") == Record()
    again.drop("arn:task/1")
    assert again.entry("arn:task/1") is None
    for one in (journal, again):
        one.close()
    last = Journal(tmp_path / "agent.db")
    assert last.arns() == ["arn:task/2"]
    last.close()


def test_a_task_that_is_gone_is_not_written_to(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    assert journal.note("arn:task/1", cleaned=True) is None
    assert journal.record("arn:task/1", "app", finished=True) is None
    journal.close()


def test_a_step_that_outlives_its_agent_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    journal.keep([payload()])
    journal.close()
    with pytest.raises(JournalClosed):
        journal.record("arn:task/1", "app", finished=True)
    again = Journal(tmp_path / "agent.db")
    entry = again.entry("arn:task/1")
    assert entry is not None
    assert entry.records == {}
    again.close()


def test_payloads_are_taken_all_or_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    broken = replace(payload("arn:task/2"), arn=None)  # type: ignore[arg-type]  # what no table takes
    with pytest.raises(Exception, match="NOT NULL"):
        journal.keep([payload(), broken])
    assert journal.arns() == []
    journal.close()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    journal.keep([payload()])
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert "very secret" not in repr(journal.entry("arn:task/1"))
    journal.close()
