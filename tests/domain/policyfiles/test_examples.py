"""Every example is valid, applies, and does what policies/README.md says of it."""

from __future__ import annotations

import re

import pytest

from registry.domain.gates.gates import Gates
from registry.domain.identities.entities import GROUPS, ROLES
from registry.domain.lifecycle.language import parse
from registry.domain.lifecycle.policies import LifecyclePolicies
from registry.domain.registries import Registries
from tests.domain.policyfiles.world import EXAMPLES, OTHER, PULL, PUSH, SCOPE, World, arn

README = EXAMPLES.parent / "README.md"


@pytest.fixture
def applied(world: World) -> World:
    for group in ("readers", "developers"):
        world.group(group)
    world.role("ci")
    for name in ("team/shared", "team/app", "team/ci/app", "public", "prod/app"):
        world.repository(name)
    outcome = world.apply(EXAMPLES)
    assert len(outcome.changes) == 12
    assert outcome.waiting == []
    return world


def test_the_readme_names_every_example_and_no_other() -> None:
    named = re.findall(r"^\| `([^`]+\.json)`", README.read_text("utf-8"), re.MULTILINE)
    files = [str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.json")]
    assert sorted(named) == sorted(files)


def test_the_examples_change_nothing_the_second_time(applied: World) -> None:
    assert applied.apply(EXAMPLES).changes == []


def test_every_kind_has_an_effect(applied: World) -> None:
    assert applied.apply(EXAMPLES).waiting == []


def test_the_gate_stands_before_production(applied: World) -> None:
    gates = Gates(applied.database, applied.ground.cache)
    (gate,) = gates.before(applied.repositories.get(SCOPE, "prod/app"))
    assert (gate.name, gate.severity, gate.unscanned, gate.dry_run) == (
        "critical", "CRITICAL", True, True,
    )  # fmt: skip
    assert gates.before(applied.repositories.get(SCOPE, "team/app")) == ()


def test_readers_pull_what_is_under_team_and_push_nothing(applied: World) -> None:
    reader = applied.user("rita", "readers")
    assert applied.may(reader, ("ecr:GetAuthorizationToken",), "*")
    assert applied.may(reader, PULL, "team/app")
    assert not applied.may(reader, PULL, "prod/app")
    assert not any(applied.may(reader, (action,), "team/app") for action in PUSH[1:])


def test_ci_pushes_under_one_prefix_only(applied: World) -> None:
    role = applied.ground.directory.role_of_arn("arn:aws:iam::123456789012:role/ci")
    assert role is not None
    session = applied.ground.directory.role_session(role, "build-1")
    assert applied.may(session, PUSH + PULL, "team/ci/app")
    assert not applied.may(session, ("ecr:PutImage",), "team/app")
    assert not applied.may(session, ("ecr:BatchDeleteImage",), "team/ci/app")


@pytest.mark.parametrize("tag", ["v1.2.3", "release-7"])
def test_only_release_managers_touch_release_tags(applied: World, tag: str) -> None:
    developer = applied.user("dev", "developers")
    manager = applied.user("max", "developers", **{"release-manager": "true"})
    put = ("ecr:PutImage",)
    assert applied.may(developer, put, "team/app", imagetag="feature-1")
    assert not applied.may(developer, put, "team/app", imagetag=tag)
    assert applied.may(developer, PULL, "team/app", imagetag=tag)
    assert applied.may(manager, put, "team/app", imagetag=tag)


def test_another_account_pulls_the_shared_repository_only(applied: World) -> None:
    admin = applied.identity("admin", OTHER)
    assert applied.may(admin, PULL, "team/shared")
    assert not applied.may(admin, PUSH, "team/shared")
    assert not applied.may(admin, PULL, "team/app")
    assert not applied.may(applied.user("nobody", account=OTHER), PULL, "team/shared")


def test_anybody_pulls_the_public_repository_only(applied: World) -> None:
    assert applied.may(None, PULL, "public")
    assert not applied.may(None, PUSH, "public")
    assert not applied.may(None, PULL, "team/shared")


def test_the_registry_and_a_repository_have_their_policies(applied: World) -> None:
    scope, database = SCOPE, applied.database
    registries = Registries(database, applied.ground.cache)
    assert "mirror/" in registries.policy(scope)
    shared = applied.repositories.get(scope, "team/shared")
    document = LifecyclePolicies(database).get(shared).document
    assert [rule.count_number for rule in parse(document)] == [1, 30]


def test_attachments_reach_their_holders(applied: World) -> None:
    assert applied.attached(GROUPS, "readers") == [arn("read-only")]
    assert applied.attached(ROLES, "ci") == [arn("ci-push")]
    assert applied.attached(GROUPS, "developers") == [
        arn("release-tags"),
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser",
    ]
