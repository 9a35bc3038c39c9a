"""`moorage upstream-credentials`, on the directory of an application."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from registry.caching import secrets_of
from registry.cli import main
from tests.application import ACCOUNT, REGION, SCOPE, Registry, loop, open_one, registry, template

__all__ = ["loop", "open_one", "registry", "template"]

TOKEN = "the-access-token"


def run(registry: Registry, *words: str, given: str = "") -> Result:
    folder = str(registry.settings.data)
    command = ["upstream-credentials", *words, "--data", folder]
    result = CliRunner().invoke(main, command, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert TOKEN not in result.output
    return result


def test_set_list_replace_and_remove(registry: Registry) -> None:
    made = run(registry, "set", "hub", "--username", "ada", given=f"{TOKEN}\n")
    arn = made.output.strip()
    start = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ecr-pullthroughcache/hub-"
    assert arn.startswith(start)
    assert len(arn) == len(start) + 6
    stored = secrets_of(registry.ground)
    assert json.loads(stored.get(SCOPE, arn)) == {"username": "ada", "accessToken": TOKEN}
    again = run(registry, "set", "ecr-pullthroughcache/hub", "--username", "bob", given=TOKEN)
    assert again.output.strip() == arn
    assert json.loads(stored.get(SCOPE, arn))["username"] == "bob"
    (line,) = run(registry, "list").output.splitlines()
    assert line.startswith(f"hub  {arn}  set ")
    assert run(registry, "remove", "hub").output == f"{arn} is gone\n"
    assert run(registry, "list").output == ""
    other = run(registry, "set", "hub", "--username", "ada", given=TOKEN).output.strip()
    assert other != arn  # what named the old one does not get the new one


def test_nothing_of_a_secret_lies_open(registry: Registry) -> None:
    run(registry, "set", "hub", "--username", "somebody-there", given=TOKEN)
    registry.close()
    for path in registry.settings.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert TOKEN.encode() not in content, path
            assert b"somebody-there" not in content, path


@pytest.mark.parametrize(
    ("words", "given", "named"),
    [
        (("set", "a b", "--username", "x"), TOKEN, "no name for credentials"),
        (("set", "hub", "--username", "x"), " \n", "no access token"),
        (("remove", "hub"), "", "there is no secret"),
    ],
)
def test_refusals(registry: Registry, words: tuple[str, ...], given: str, named: str) -> None:
    result = run(registry, *words, given=given)
    assert result.exit_code == 1
    assert named in result.output
