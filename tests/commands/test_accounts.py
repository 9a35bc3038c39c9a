"""`moorage account disable-user | enable-user`, felt by every way in, on another worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from registry.cli import main
from registry.domain.identities.directory import AccessKey
from registry.domain.identities.robots import PULL, narrow_policy
from registry.stores import tokens_of
from tests.application import (
    ACCOUNT,
    OpenRegistry,
    Registry,
    allow,
    basic,
    loop,
    on,
    open_one,
    template,
)
from tests.identities import (
    OTHER,
    Temporary,
    assume,
    aws,
    docker_password,
    make_role,
    temporary,
    trusting,
)

__all__ = ["loop", "open_one", "template"]

Ask = Callable[[Registry], int]
"""One request to a worker; its status."""


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    return open_one(robot_tokens=True)


@pytest.fixture
def beside(registry: Registry) -> Iterator[Registry]:
    """Another worker on the same directory."""
    worker = registry.beside()
    yield worker
    worker.close()


@pytest.fixture
def ada(registry: Registry) -> AccessKey:
    return registry.user("ada", allow("*"))


def run(registry: Registry, *words: str) -> Result:
    result = CliRunner().invoke(main, ["account", *words, "--data", str(registry.settings.data)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def docker(password: str) -> Ask:
    def ask(worker: Registry) -> int:
        with worker.anyone({"authorization": basic(password)}) as client:
            return client.get("/v2/").status_code

    return ask


def signed(key: AccessKey | Temporary) -> Ask:
    def ask(worker: Registry) -> int:
        try:
            answer = aws(worker, "sts", key).get_caller_identity()
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    return ask


def ways_in(registry: Registry, key: AccessKey) -> dict[str, Ask]:
    """Everything by which the user, or what the user began, is let in."""
    role = make_role(registry, "deploy", trusting(key.user.arn), allow("*"))
    session = temporary(aws(registry, "sts", key).get_session_token())
    assumed = assume(registry, key, role)
    robots = registry.ground.robots
    robot = robots.create(key.user, "ci", narrow_policy([on("*")], PULL), None)
    return {
        "signature": signed(key),
        "password": docker(registry.token(key)),
        "session": signed(session),
        "password of the session": docker(docker_password(registry, session)),
        "role": signed(assumed),
        "password of the role": docker(docker_password(registry, assumed)),
        "robot": docker(tokens_of(registry.ground).for_robot(robot.id)),
    }


def test_a_disabled_user_is_out_at_once_on_every_worker(
    registry: Registry, beside: Registry, ada: AccessKey
) -> None:
    ways = ways_in(registry, ada)
    workers = (registry, beside)
    for name, ask in ways.items():
        assert [ask(worker) for worker in workers] == [200, 200], name
    done = run(registry, "disable-user", "ada")
    assert (done.exit_code, done.output) == (0, f"user 'ada' of account {ACCOUNT} is disabled\n")
    for name, ask in ways.items():
        status = 401 if "password" in name or name == "robot" else 403
        assert [ask(worker) for worker in workers] == [status, status], name
    assert run(registry, "list").output == f"{ACCOUNT}  default  disabled: ada\n"
    assert run(registry, "enable-user", "ada").exit_code == 0
    for name, ask in ways.items():
        assert [ask(worker) for worker in workers] == [200, 200], name
    assert run(registry, "list").output == f"{ACCOUNT}  default\n"


def test_an_upload_stops_where_its_user_does(
    registry: Registry, beside: Registry, ada: AccessKey
) -> None:
    registry.create("team/app")
    with registry.http(ada) as here, beside.http(ada) as there:
        location = here.post("/v2/team/app/blobs/uploads/").headers["location"]
        assert there.patch(location, content=b"first").status_code == 202
        assert run(registry, "disable-user", "ada").exit_code == 0
        sizes = [row[-1] for row in registry.rows()["upload_parts"]]
        for client in (here, there):
            assert _refused(client.patch(location, content=b"second"))
        assert [row[-1] for row in registry.rows()["upload_parts"]] == sizes


def _refused(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.text.strip() == "Not Authorized"


def test_only_the_user_named_in_the_account_named(registry: Registry, ada: AccessKey) -> None:
    other = registry.user("ada", allow("*"), account=OTHER)
    assert run(registry, "disable-user", "ada", "--account", OTHER).exit_code == 0
    assert signed(ada)(registry) == 200
    assert signed(other)(registry) == 403
    assert f"{OTHER}  disabled: ada\n" in run(registry, "list").output


@pytest.mark.parametrize("command", ["disable-user", "enable-user"])
def test_a_user_that_is_not_there(registry: Registry, command: str) -> None:
    before = registry.rows()
    result = run(registry, command, "nobody")
    assert result.exit_code == 1
    assert "The user with name nobody cannot be found." in result.output
    assert registry.rows() == before
    elsewhere = replace(
        registry, settings=replace(registry.settings, data=registry.settings.data / "x")
    )
    assert "no server has kept anything here yet" in run(elsewhere, command, "admin").output
