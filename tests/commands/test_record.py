"""What an operator does is in the audit log."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.domain.identities.accounts import ADMINISTRATOR
from tests.application import OpenRegistry, loop, open_one, template
from tests.commands.running import moorage, result_of

__all__ = ["loop", "open_one", "template"]


@pytest.fixture
def data(open_one: OpenRegistry) -> Path:
    return open_one(robot_tokens=True).settings.data


def events(data: Path) -> list[dict[str, Any]]:
    said = moorage(data, "audit", "--json").splitlines()
    return [event for event in map(json.loads, said) if event["eventSource"] == "moorage"]


def test_a_command_is_recorded_with_who_and_what(data: Path) -> None:
    moorage(data, "account", "create", "210987654321")
    (event,) = events(data)
    assert event["eventName"] == "account create"
    assert event["userIdentity"]["type"] == "Operator"
    assert event["userIdentity"]["userName"]
    assert event["requestParameters"] == {"number": "210987654321"}
    assert event["decision"]["allowed"] is True
    assert event["readOnly"] is False
    assert "errorCode" not in event
    line = moorage(data, "audit").splitlines()[-1]
    assert "moorage:account create" in line
    assert f"operator {event['userIdentity']['userName']}" in line


def test_one_that_fails_too_and_without_what_it_quotes(data: Path) -> None:
    result_of(data, "account", "disable-user", "wJalrXUtnFEMI")
    (event,) = events(data)
    assert event["errorCode"] == "CommandFailed"
    assert event["requestParameters"] == {"name": "wJalrXUtnFEMI"}


def test_no_token_is_in_it(data: Path) -> None:
    given = ("--robot-tokens", "--name", "ci", "--user", ADMINISTRATOR, "--repository", "team/*")
    said = moorage(data, "token", "create", *given)
    token = said.strip().splitlines()[-1]
    (event,) = events(data)
    assert event["requestParameters"]["repositories"] == ["team/*"]
    text = "".join(path.read_text() for path in (data / "audit").iterdir())
    assert token not in text


def test_reading_and_serving_are_not(data: Path) -> None:
    moorage(data, "audit")
    assert events(data) == []
    moorage(data, "keys", "list")
    (event,) = events(data)
    assert event["readOnly"] is True


def test_a_directory_without_data_gets_none(tmp_path: Path) -> None:
    assert result_of(tmp_path / "none", "account", "list").exit_code == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_server_can_go_on_with_a_file_that_root_began(data: Path) -> None:
    os.chown(data, 4321, 4321)
    moorage(data, "keys", "list")
    found = data / "audit" / f"{datetime.now(UTC).date().isoformat()}.jsonl"
    assert (found.stat().st_uid, found.parent.stat().st_uid) == (4321, 4321)


def test_a_log_that_cannot_be_written_is_told(data: Path) -> None:
    for path in (data / "audit").glob("*"):
        path.unlink()
    (data / "audit").rmdir() if (data / "audit").exists() else None
    (data / "audit").write_text("in the way")
    result = result_of(data, "keys", "list")
    assert result.exit_code == 0
    assert "the audit log cannot be written" in result.stderr
