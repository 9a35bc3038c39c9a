"""The command line in this process, on a data directory."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from registry.cli import main


def moorage(data: Path, *arguments: object, status: int = 0) -> str:
    """What a command says on standard output; its exit status must be `status`."""
    result = result_of(data, *arguments)
    assert result.exit_code == status, result.output
    return result.stdout


def result_of(data: Path, *arguments: object) -> Result:
    runner = CliRunner(env={"MOORAGE_DATA": str(data)})
    result = runner.invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result
