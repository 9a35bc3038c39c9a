"""Lifecycle and registry policies out of files: set, compared, left to others, pruned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.domain.lifecycle.policies import LifecyclePolicies
from registry.domain.registries import Registries
from registry.values.errors import RegistryPolicyNotFound
from registry.values.expiring import LifecyclePolicyNotFound
from tests.domain.lifecycle.world import policy, rule, tagged
from tests.domain.policyfiles.world import SCOPE, World, for_everybody, write

ONE = policy(rule(2), rule(1, **tagged("v")))
"""Its rules are not in the order of their priorities."""
OTHER = policy(rule(2, countNumber=5), rule(1, **tagged("v")))


def in_force(world: World, name: str) -> str:
    policies = LifecyclePolicies(world.database)
    return policies.get(world.repositories.get(SCOPE, name)).document


def signs(world: World, folder: Path, *, prune: bool = False) -> list[str]:
    expected = world.diff(folder, prune=prune)
    outcome = world.apply(folder, prune=prune)
    assert [*map(str, outcome.changes)] == [*map(str, expected.changes)]
    assert world.apply(folder, prune=prune).changes == []
    return [f"{each.sign} {each.what}" for each in outcome.changes]


def test_lifecycle_policies_come_change_and_go(world: World, folder: Path) -> None:
    write(folder, {"lifecycle/team/app.json": ONE})
    (waits,) = world.apply(folder).waiting
    assert "there is no repository 'team/app'" in waits.reason
    world.repository("team/app")
    assert signs(world, folder) == ["+ lifecycle policy team/app"]
    assert [each["rulePriority"] for each in json.loads(in_force(world, "team/app"))["rules"]] == [
        1, 2,
    ]  # fmt: skip
    write(folder, {"lifecycle/team/app.json": OTHER})
    assert signs(world, folder) == ["~ lifecycle policy team/app"]
    (folder / "lifecycle/team/app.json").unlink()
    assert world.apply(folder).kept == ["lifecycle policy team/app"]
    assert signs(world, folder, prune=True) == ["- lifecycle policy team/app"]
    with pytest.raises(LifecyclePolicyNotFound):
        in_force(world, "team/app")


def test_an_unchanged_policy_keeps_its_times(world: World, folder: Path) -> None:
    write(folder, {"lifecycle/team/app.json": ONE})
    found = world.repository("team/app")
    world.apply(folder)
    policies = LifecyclePolicies(world.database)
    before = policies.get(found)
    write(folder, {"lifecycle/team/app.json": json.dumps(json.loads(ONE), indent=4)})
    assert world.apply(folder).changes == []
    assert policies.get(found) == before


def test_what_somebody_set_since_is_not_pruned(world: World, folder: Path) -> None:
    write(folder, {"lifecycle/team/app.json": ONE, "registry/policy.json": for_everybody()})
    found = world.repository("team/app")
    registries = Registries(world.database, world.ground.cache)
    assert len(signs(world, folder)) == 2
    LifecyclePolicies(world.database).put(found, OTHER)
    registries.set_policy(SCOPE, for_everybody("ecr:*"))
    for name in ("lifecycle/team/app.json", "registry/policy.json"):
        (folder / name).unlink()
    assert world.apply(folder, prune=True).changes == []
    assert in_force(world, "team/app") != ""
    assert registries.policy(SCOPE) == for_everybody("ecr:*")


def test_the_registrys_policy_comes_changes_and_goes(world: World, folder: Path) -> None:
    registries = Registries(world.database, world.ground.cache)
    write(folder, {"registry/policy.json": for_everybody()})
    assert signs(world, folder) == ["+ registry policy"]
    assert registries.policy(SCOPE) == for_everybody()
    write(folder, {"registry/policy.json": for_everybody("ecr:*")})
    assert signs(world, folder) == ["~ registry policy"]
    (folder / "registry/policy.json").unlink()
    assert world.apply(folder).kept == ["registry policy"]
    assert signs(world, folder, prune=True) == ["- registry policy"]
    with pytest.raises(RegistryPolicyNotFound):
        registries.policy(SCOPE)
