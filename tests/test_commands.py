"""`moorage account | token | audit | policy explain`, on the directory of an application."""

from __future__ import annotations

import configparser
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry.cli import main
from registry.setup import with_profile
from tests.application import (
    ACCOUNT,
    Registry,
    allow,
    basic,
    loop,
    on,
    open_one,
    registry,
    template,
)
from tests.identities import ADMIN, OTHER
from tests.images import layer, oci_image, push

__all__ = ["loop", "open_one", "registry", "template"]

IMAGE = oci_image(layer({"hello": b"hello"}))


def run(registry: Registry, *words: str) -> Result:
    """A command on the application's directory; it must not end with a traceback."""
    result = CliRunner().invoke(main, [*words, "--data", str(registry.settings.data)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def profile(registry: Registry, name: str) -> tuple[str, str]:
    parser = configparser.ConfigParser()
    parser.read(registry.settings.data / "credentials")
    return parser[name]["aws_access_key_id"], parser[name]["aws_secret_access_key"]


# account


def test_an_account_is_served_at_once_by_a_running_application(registry: Registry) -> None:
    before = profile(registry, "default")
    result = run(registry, "account", "create", OTHER)
    assert result.exit_code == 0, result.output
    key_id, secret = profile(registry, OTHER)
    assert key_id in result.output
    assert secret not in result.output
    assert profile(registry, "default") == before
    assert (registry.settings.data / "credentials").stat().st_mode & 0o777 == 0o600
    sts = registry.aws("sts", key_id, secret)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:user/admin"
    made = registry.aws("ecr", key_id, secret).create_repository(repositoryName="team/app")
    uri = made["repository"]["repositoryUri"]
    host = f"{OTHER}.dkr.ecr.us-east-1.localhost:5000"
    assert uri == f"{host}/team/app"
    with registry.http(registry.key(key_id)) as docker:
        docker.headers["host"] = host
        push(docker, "team/app", IMAGE, "v1")
        assert docker.get("/v2/_catalog").json() == {"repositories": ["team/app"]}
        docker.headers["host"] = "registry.test:5000"
        assert docker.get("/v2/_catalog").status_code == 403
    assert registry.http().get("/v2/_catalog").json() == {"repositories": []}
    assert run(registry, "account", "list").output == f"{ACCOUNT}  default\n{OTHER}\n"


def test_what_is_no_new_account(registry: Registry) -> None:
    kept = (registry.settings.data / "credentials").read_bytes()
    for number, told in (
        (ACCOUNT, f"there is an account {ACCOUNT} already"),
        ("12345678901", "'12345678901' is no account id: 12 digits"),
        ("１２３４５６７８９０１２", "is no account id: 12 digits"),
    ):
        result = run(registry, "account", "create", number)
        assert result.exit_code == 1
        assert told in result.output
    assert (registry.settings.data / "credentials").read_bytes() == kept
    assert run(registry, "account", "list").output == f"{ACCOUNT}  default\n"


def test_other_profiles_and_comments_stay() -> None:
    text = "# mine\n[default]\na = 1\n\n[other]\nb = 2\n# end\n"
    assert with_profile(text, "new", ["c = 3"]) == text + "\n[new]\nc = 3\n"
    assert with_profile(text, "default", ["c = 3"]) == (
        "# mine\n[other]\nb = 2\n# end\n\n[default]\nc = 3\n"
    )
    assert with_profile("", "default", ["c = 3"]) == "[default]\nc = 3\n"


def test_new_credentials_keep_the_other_profiles(registry: Registry) -> None:
    run(registry, "account", "create", OTHER)
    before = profile(registry, OTHER), profile(registry, "default")
    assert run(registry, "credentials").exit_code == 0
    assert profile(registry, OTHER) == before[0]
    assert profile(registry, "default") != before[1]
    default = profile(registry, "default")
    assert run(registry, "credentials", "--account", OTHER).exit_code == 0
    assert profile(registry, "default") == default
    assert profile(registry, OTHER) != before[0]
    sts = registry.aws("sts", *profile(registry, OTHER))
    assert sts.get_caller_identity()["Account"] == OTHER


def test_a_directory_where_no_server_ran(tmp_path: Path) -> None:
    for words in (
        ("account", "list"),
        ("account", "create", OTHER),
        ("token", "list"),
        ("policy", "explain", "--principal", "*", "--action", "ecr:A", "--resource", "*"),
    ):
        result = CliRunner().invoke(main, [*words, "--data", str(tmp_path)])
        assert result.exit_code == 1
        assert "no server has kept anything here yet" in result.output
    assert list(tmp_path.iterdir()) == []


# token

CREATE = ("token", "create", "--name", "ci", "--user", "admin", "--repository", "team/*")


def test_the_life_of_a_token(registry: Registry) -> None:
    worker = registry.beside(robot_tokens=True)
    registry.create("team/app")
    made = run(registry, *CREATE, "--allow", "push", "--days", "2", "--robot-tokens")
    assert made.exit_code == 0, made.output
    password = made.stdout.strip()
    listed = run(registry, "token", "list", "--robot-tokens")
    robot = listed.stdout.split()[0]
    assert listed.stdout.startswith(f"{robot}  ci  user admin  push team/*  until ")
    assert password not in listed.output
    with worker.anyone({"authorization": basic(password)}) as docker:
        push(docker, "team/app", IMAGE, "v1")
        assert run(registry, "token", "revoke", robot).exit_code == 0
        assert docker.get("/v2/").status_code == 401
    again = run(registry, "token", "revoke", robot)
    assert (again.exit_code, again.output) == (1, f"Error: there is no robot {robot}\n")
    worker.close()


def test_tokens_take_the_setting(registry: Registry) -> None:
    refused = run(registry, *CREATE)
    assert refused.exit_code == 1
    assert "robot tokens are off: the setting robot_tokens allows them" in refused.output
    run(registry, *CREATE, "--robot-tokens")
    assert "the setting robot_tokens is off here" in run(registry, "token", "list").stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--user", "nobody"), f"account {ACCOUNT} has no active user 'nobody'"),
        (("--repository", "Team"), "'Team' is no repository name"),
        (("--allow", "all"), "'all' is not one of 'pull', 'push'"),
        (("--days", "0"), "0 is not in the range"),
        (("--name", ""), "1 to 64 printable characters"),
    ],
)
def test_what_makes_no_token(registry: Registry, words: tuple[str, ...], told: str) -> None:
    result = run(registry, *CREATE, *words, "--robot-tokens")
    assert result.exit_code in {1, 2}
    assert told in result.output
    assert run(registry, "token", "list").stdout == ""


# audit


@pytest.fixture
def busy(registry: Registry) -> Registry:
    """With a creation, an allowed and a refused pull behind it."""
    registry.ecr().create_repository(repositoryName="team/app")
    user = registry.user("ada", allow("ecr:ListImages"))
    with registry.http(user) as docker:
        docker.get("/v2/team/app/tags/list")
        docker.get("/v2/team/app/manifests/v1")
    assert registry.ground.audit is not None
    registry.ground.audit.flush()
    return registry


def asked(registry: Registry, *words: str) -> list[str]:
    result = run(registry, "audit", "--json", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["eventName"] for line in result.stdout.splitlines()]


def test_questions_to_the_audit_log(busy: Registry) -> None:
    everything = ["CreateRepository", "ListImages", "BatchGetImage"]
    assert asked(busy) == everything
    assert asked(busy, "--denied") == ["BatchGetImage"]
    assert asked(busy, "--principal", "admin") == ["CreateRepository"]
    assert asked(busy, "--principal", "*:user/ada") == ["ListImages", "BatchGetImage"]
    assert asked(busy, "--action", "ECR:list*") == ["ListImages"]
    assert asked(busy, "--action", "iam:*") == []
    assert asked(busy, "--repository", "team/*") == everything
    assert asked(busy, "--repository", "other/*") == []
    assert asked(busy, "--since", "1h") == everything
    assert asked(busy, "--until", "1h") == []
    assert asked(busy, "--since", "2000-01-01", "--until", "2000-01-02") == []
    tomorrow = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 2 * 86400))
    assert asked(busy, "--until", tomorrow) == everything
    assert asked(busy, "--since", tomorrow) == []


def test_a_table_for_people(busy: Registry) -> None:
    lines = run(busy, "audit").stdout.splitlines()
    assert len(lines) == 3
    assert "allowed  ecr:CreateRepository" in lines[0]
    assert "policy-0[0]" in lines[1]
    assert "DENIED   ecr:BatchGetImage" in lines[2]
    assert "team/app:v1" in lines[2]
    assert lines[2].endswith("AccessDenied: no identity-based policy allows")


def test_lines_cut_short_are_passed_over_and_told(busy: Registry) -> None:
    (path,) = busy.settings.audit_path.iterdir()
    path.write_text('{"eventTime": \n\n[]\n{}\n' + path.read_text())
    result = run(busy, "audit", "--json")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "3 lines were cut short and passed over\n"


def test_what_steers_a_terminal_is_not_printed(busy: Registry) -> None:
    (path,) = busy.settings.audit_path.iterdir()
    path.write_text(path.read_text().replace("team/app", "team\\u001b[2Japp"))
    assert "\x1b" not in run(busy, "audit").stdout


def test_a_time_that_is_none(busy: Registry) -> None:
    result = run(busy, "audit", "--since", "yesterday")
    assert result.exit_code == 1
    assert "'yesterday' is no time: 2026-01-31" in result.output


# policy explain


def explain(registry: Registry, who: str, action: str, resource: str, *more: str) -> Result:
    words = ("--principal", who, "--action", action, "--resource", resource)
    return run(registry, "policy", "explain", *words, *more)


def test_the_statement_that_decided(registry: Registry) -> None:
    statement = {
        "Sid": "Near",
        "Effect": "Deny",
        "Action": "ecr:PutImage",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    user = registry.user("ada", allow("ecr:*"), text).user
    denied = explain(
        registry, user.arn, "ecr:PutImage", on("a"), "--context", "aws:SourceIp=1.2.3.4"
    )
    assert denied.exit_code == 2
    verdict, message, found, *shown = denied.stdout.splitlines()
    assert verdict == "DENIED: explicit deny"
    assert message == (
        f"User: {user.arn} is not authorized to perform: ecr:PutImage on resource: {on('a')}"
        " with an explicit deny in an identity-based policy"
    )
    assert found == "identity-based policy 'policy-1', statement 0, Sid 'Near':"
    assert json.loads("\n".join(shown)) == statement
    near = explain(
        registry, user.arn, "ecr:PutImage", on("a"), "--context", "aws:SourceIp=192.0.2.9"
    )
    assert near.exit_code == 0
    assert near.stdout.startswith("ALLOWED: allowed\n")
    assert "statement 0:" in near.stdout


def test_no_statement_decided(registry: Registry) -> None:
    user = registry.user("ada").user
    result = explain(registry, user.arn, "ecr:PutImage", on("a"))
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1] == ("no statement of any identity-based policy decided")


@pytest.mark.parametrize("pair", ["aws:SourceIp", "=x", "source=x"])
def test_a_context_that_is_none(registry: Registry, pair: str) -> None:
    result = explain(registry, ADMIN, "ecr:PutImage", on("a"), "--context", pair)
    assert result.exit_code == 1
    assert "is not like aws:SourceIp=192.0.2.1" in result.output
