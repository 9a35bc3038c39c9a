"""`moorage policy`, and a server that starts with a directory of policy files."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry.cli import main
from registry.config import Settings
from registry.domain.identities.policies import Policies
from registry.ground import lay_ground
from registry.server import StartFailed
from registry.setup import prepare
from tests.domain.policyfiles.world import ACCOUNT, EXAMPLES, arn, document, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "policies", {"identity/dev.json": document()})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    prepare(Settings(data=path))
    return path


def moorage(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


def names(data: Path) -> list[str]:
    """The account's own policies."""
    ground = lay_ground(Settings(data=data))
    try:
        found = Policies(ground.database).all(ACCOUNT)
    finally:
        ground.close()
    return [policy.name for policy in found if ACCOUNT in policy.arn]


def test_validate_needs_no_server() -> None:
    result = moorage("validate", EXAMPLES)
    assert result.exit_code == 0
    assert result.stdout == f"{EXAMPLES}: 8 policies and 4 attachments are valid\n"


def test_validate_prints_every_problem_and_fails(folder: Path) -> None:
    write(folder, {"identity/a.json": "{}", "gate/b.json": "{\n]"})
    result = moorage("validate", folder)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{folder}/gate/b.json:2:1: not JSON: Expecting property name enclosed in double quotes",
        f"{folder}/identity/a.json:1:1: Statement is missing",
    ]


def test_diff_shows_and_apply_does(folder: Path, data: Path) -> None:
    shown = moorage("diff", folder, "--data", data)
    assert shown.exit_code == 2
    assert shown.stdout.startswith("+ identity policy dev\n  --- in force\n  +++ in file\n")
    assert names(data) == []
    applied = moorage("apply", folder, "--data", data)
    assert (applied.exit_code, applied.stdout) == (0, "+ identity policy dev\n")
    assert names(data) == ["dev"]
    again = moorage("diff", folder, "--data", data)
    assert (again.exit_code, again.stdout) == (0, "nothing to change\n")

    write(folder, {"identity/dev.json": document("ecr:Get*")})
    lines = moorage("diff", folder, "--data", data).stdout.splitlines()
    assert lines[0] == "~ identity policy dev"
    assert '  -      "Action": "ecr:*",' in lines
    assert '  +      "Action": "ecr:Get*",' in lines


def test_apply_tells_what_lost_its_file_and_prunes_when_told(folder: Path, data: Path) -> None:
    moorage("apply", folder, "--data", data)
    (folder / "identity" / "dev.json").unlink()
    kept = moorage("apply", folder, "--data", data)
    said = f"= identity policy {arn('dev')}: its file is gone; --prune removes it"
    assert kept.stdout == f"{said}\nnothing to change\n"
    assert moorage("apply", folder, "--prune", "--data", data).stdout == "- identity policy dev\n"
    assert names(data) == []


def test_apply_of_an_invalid_directory_does_nothing(folder: Path, data: Path) -> None:
    write(folder, {"repository/app.json": document()})
    result = moorage("apply", folder, "--data", data)
    assert result.exit_code == 1
    assert (
        result.stderr == f"{folder}/repository/app.json:1:41: Statement[0]: Principal is missing\n"
    )
    assert names(data) == []


def test_a_gate_is_applied(folder: Path, data: Path) -> None:
    write(folder, {"gate/g.json": '{"repositories": ["*"], "severity": "HIGH"}'})
    assert moorage("apply", folder, "--data", data).stdout.splitlines()[-1] == "+ gate g"


def test_there_must_be_a_data_directory(folder: Path, tmp_path: Path) -> None:
    result = moorage("apply", folder, "--data", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "no server has kept anything here yet" in result.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_server_applies_its_directory_at_every_start(
    folder: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder, {"lifecycle/app.json": (EXAMPLES / "lifecycle/team/shared.json").read_text()})
    with caplog.at_level(logging.INFO, "moorage.policies"):
        prepare(Settings(data=data, policies=folder))
    assert names(data) == ["dev"]
    assert [record.getMessage() for record in caplog.records] == [
        "policy file applied",
        "policy file not in force",
    ]


def test_a_server_does_not_start_with_an_invalid_directory(folder: Path, data: Path) -> None:
    write(folder, {"identity/bad.json": "{}"})
    with pytest.raises(StartFailed) as refused:
        prepare(Settings(data=data, policies=folder))
    assert str(refused.value).splitlines() == [
        "the policy files cannot be applied:",
        f"{folder}/identity/bad.json:1:1: Statement is missing",
    ]
    assert names(data) == []
