"""Robots: narrow, revocable, and only where the setting lets them in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.domain.identities.robots import (
    PULL,
    PUSH,
    Robot,
    Robots,
    narrow_policy,
    repository_arns,
)
from registry.domain.identities.users import AccessKeys
from registry.stores import tokens_of
from registry.values.errors import NotFound, ParameterInvalid
from tests.application import ACCOUNT, OpenRegistry, Registry, allow, basic
from tests.identities import OTHER
from tests.images import layer, oci_image, push

IMAGE, OTHERS = oci_image(layer({"hello": b"hello"})), oci_image(layer({"hello": b"others"}))


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    found = open_one(robot_tokens=True)
    found.create("team/app")
    found.create("other/app")
    return found


def make(registry: Registry, user: str = "admin", *, push: bool = False, **more: Any) -> Robot:
    identity = registry.ground.directory.user_named(ACCOUNT, user)
    assert identity is not None
    document = narrow_policy(repository_arns(ACCOUNT, ["team/*"]), PUSH if push else PULL)
    options = {"name": "ci", "expires_at": None} | more
    return registry.ground.robots.create(identity, options["name"], document, options["expires_at"])


def headers(registry: Registry, robot: Robot) -> dict[str, str]:
    return {"authorization": basic(tokens_of(registry.ground).for_robot(robot.id))}


def test_a_robot_pulls_what_it_may_and_nothing_else(registry: Registry) -> None:
    registry.hold("team/app", IMAGE, "v1")
    registry.hold("other/app", IMAGE, "v1")
    with registry.anyone(headers(registry, make(registry))) as docker:
        assert docker.get("/v2/").status_code == 200
        assert docker.get("/v2/team/app/manifests/v1").content == IMAGE.manifest
        assert docker.get(f"/v2/team/app/blobs/{IMAGE.blobs[0].digest}").status_code == 200
        refused = docker.get("/v2/other/app/manifests/v1")
        assert refused.status_code == 403
        assert refused.json()["errors"][0]["message"].endswith(
            "because no session policy allows the ecr:BatchGetImage action"
        )
        for method, path in (
            ("POST", "blobs/uploads/"),
            ("DELETE", "manifests/v1"),
            ("PUT", "manifests/v2"),
        ):
            assert docker.request(method, f"/v2/team/app/{path}").status_code == 403
        assert docker.get("/v2/_catalog").status_code == 403


def test_a_robot_that_pushes(registry: Registry) -> None:
    robot = make(registry, push=True)
    with registry.anyone(headers(registry, robot)) as docker:
        push(docker, "team/app", IMAGE, "v1")
        assert docker.get("/v2/team/app/manifests/v1").status_code == 200
        assert docker.delete("/v2/team/app/manifests/v1").status_code == 403
        registry.hold("other/app", OTHERS, "v1")
        mount = f"/v2/team/app/blobs/uploads/?mount={OTHERS.blobs[0].digest}&from=other/app"
        assert docker.post(mount).status_code == 202
        assert docker.post("/v2/other/app/blobs/uploads/").status_code == 403


def test_a_robot_never_has_more_than_its_user(registry: Registry) -> None:
    registry.hold("team/app", IMAGE, "v1")
    registry.user("weak", allow("ecr:ListImages"))
    with registry.anyone(headers(registry, make(registry, "weak", push=True))) as docker:
        assert docker.get("/v2/team/app/tags/list").status_code == 200
        assert docker.get("/v2/team/app/manifests/v1").status_code == 403


@pytest.mark.parametrize("ending", ["revoked", "expired", "user gone", "setting off"])
def test_what_ends_a_robot_at_once_on_another_worker(registry: Registry, ending: str) -> None:
    registry.user("deploy", allow("ecr:*"))
    soon = datetime.now(UTC) + timedelta(seconds=60)
    robot = make(registry, "deploy", expires_at=soon)
    worker = registry.beside(robot_tokens=ending != "setting off")
    let_in = ending not in {"setting off"}
    with worker.anyone(headers(registry, robot)) as docker:
        assert docker.get("/v2/team/app/tags/list").status_code == (200 if let_in else 401)
        if ending == "revoked":
            registry.ground.robots.revoke(ACCOUNT, robot.id)
        elif ending == "user gone":
            with registry.ground.database.write() as connection:
                connection.exec_driver_sql("UPDATE users SET active = 0 WHERE name = 'deploy'")
        elif ending == "expired":
            with registry.ground.database.write() as connection:
                connection.exec_driver_sql("UPDATE robots SET expires_at = 1")
        assert docker.get("/v2/team/app/tags/list").status_code == 401
    worker.close()


def test_it_lasts_to_its_end_and_not_beyond(registry: Registry) -> None:
    end = datetime(2030, 1, 1, tzinfo=UTC)
    robot, robots = make(registry, expires_at=end), registry.ground.robots
    assert robots.find(robot.id, end - timedelta(microseconds=1)) is not None
    assert robots.find(robot.id, end) is None


def test_it_outlives_the_keys_of_its_user(registry: Registry) -> None:
    user = registry.user("deploy", allow("ecr:*"))
    robot = make(registry, "deploy")
    AccessKeys(registry.ground.database, registry.ground.secrets).delete(ACCOUNT, "deploy", user.id)
    with registry.anyone(headers(registry, robot)) as docker:
        assert docker.get("/v2/team/app/tags/list").status_code == 200


def test_only_the_user_name_aws_signs_in(registry: Registry) -> None:
    password = tokens_of(registry.ground).for_robot(make(registry).id)
    for username in ("robot", "aws", "ci", ""):
        with registry.anyone({"authorization": basic(password, username)}) as docker:
            assert docker.get("/v2/").status_code == 401


def test_where_the_setting_is_off_none_is_made(registry: Registry) -> None:
    ground = registry.ground
    closed = Robots(ground.database, ground.cache, ground.directory, allowed=False)
    with pytest.raises(ParameterInvalid, match="the setting robot_tokens allows them"):
        closed.create(registry.admin.user, "ci", narrow_policy(["*"], PULL), None)
    assert closed.list(ACCOUNT) == []


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\x1b[2J"])
def test_names(registry: Registry, name: str) -> None:
    with pytest.raises(ParameterInvalid, match="1 to 64 printable characters"):
        make(registry, name=name)


def test_a_name_stands_once_for_a_user(registry: Registry) -> None:
    make(registry)
    with pytest.raises(ParameterInvalid, match="admin has a robot 'ci' already"):
        make(registry)
    registry.user("deploy")
    make(registry, "deploy")


def test_an_account_sees_and_revokes_its_own(registry: Registry) -> None:
    robot, robots = make(registry), registry.ground.robots
    assert [each.id for each in robots.list(ACCOUNT)] == [robot.id]
    assert robots.list(OTHER) == []
    with pytest.raises(NotFound, match=f"there is no robot {robot.id}"):
        robots.revoke(OTHER, robot.id)
    robots.revoke(ACCOUNT, robot.id)
    with pytest.raises(NotFound):
        robots.revoke(ACCOUNT, robot.id)


@pytest.mark.parametrize("pattern", ["", "Team/app", "team:*", "a b", "../x", '"*', "x" * 300])
def test_what_is_no_repository(pattern: str) -> None:
    with pytest.raises(ParameterInvalid, match="is no repository name"):
        repository_arns(ACCOUNT, [pattern])


def test_its_policy_names_actions_and_repositories() -> None:
    arns = repository_arns(ACCOUNT, ["team/*", "base"])
    document = json.loads(narrow_policy(arns, PULL))
    (statement,) = document["Statement"]
    assert statement["Resource"] == [
        f"arn:aws:ecr:*:{ACCOUNT}:repository/team/*",
        f"arn:aws:ecr:*:{ACCOUNT}:repository/base",
    ]
    assert statement["Action"] == list(PULL)
