"""The statement that decided, found again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from registry.domain.access import Circumstances
from registry.domain.explanation import Explanation, Principals, explain
from registry.domain.identities.entities import GROUPS, ROLES, USERS
from registry.domain.identities.groups import Groups
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.policies import Policies
from registry.stores import access_of
from registry.values.errors import EntityNotFound
from tests.application import ACCOUNT, SCOPE, Registry, allow, on
from tests.identities import ADMIN, make_role, trusting


def ask(registry: Registry, who: str, action: str, resource: str) -> Explanation:
    ground = registry.ground
    identity = Principals(ground.directory, ground.robots).find(who, datetime.now(UTC))
    access = access_of(registry.settings, ground, registry.repositories)
    return explain(access, identity, action, resource, Circumstances())


def test_the_groups_policy_is_not_taken_for_the_users_of_the_same_name(
    registry: Registry,
) -> None:
    user = registry.user("ada", allow("ecr:ListImages"))
    database = registry.ground.database
    Groups(database).create(ACCOUNT, "devs")
    Groups(database).add(ACCOUNT, "devs", "ada")
    two = json.loads(allow("ecr:GetLifecyclePolicy"))
    two["Statement"].append({"Effect": "Allow", "Action": "ecr:PutImage", "Resource": "*"})
    Holdings(database).put(GROUPS, ACCOUNT, "devs", "policy-0", json.dumps(two))
    found = ask(registry, user.user.arn, "ecr:PutImage", on("team/app"))
    assert found.decision.policy == "policy-0 of group devs"
    assert found.statement == two["Statement"][1]


def test_each_kind_of_policy(registry: Registry) -> None:
    user = registry.user("ada", allow("*"))
    database = registry.ground.database
    repository = registry.create("team/app")
    text = trusting(user.user.arn, "ecr:DeleteRepository").replace("Allow", "Deny")
    registry.repositories.set_policy(repository, text)
    found = ask(registry, user.user.arn, "ecr:DeleteRepository", repository.arn)
    assert not found.decision.allowed
    assert found.statement == json.loads(text)["Statement"][0]
    boundary = Policies(database).create(ACCOUNT, "Bound", allow("ecr:ListImages")).arn
    Holdings(database).bound(USERS, ACCOUNT, "ada", boundary)
    found = ask(registry, user.user.arn, "ecr:PutImage", repository.arn)
    assert found.statement is None
    assert found.message.endswith("no permissions boundary allows the ecr:PutImage action")
    arn = make_role(registry, "puller", trusting(ADMIN), allow("ecr:ListImages"))
    found = ask(registry, ADMIN, "sts:AssumeRole", arn)
    assert found.decision.policy == "trust policy of puller"
    assert found.statement["Principal"] == {"AWS": ADMIN}
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/puller/ci"
    for who in (arn, session):
        assert ask(registry, who, "ecr:ListImages", repository.arn).decision.allowed
        assert not ask(registry, who, "ecr:PutImage", repository.arn).decision.allowed
    Holdings(database).attach(ROLES, ACCOUNT, "puller", "arn:aws:iam::aws:policy/IAMFullAccess")
    assert ask(registry, arn, "iam:CreateUser", "*").statement["Action"] == ["iam:*"]


def test_nobody_in_particular(registry: Registry) -> None:
    found = ask(registry, "anonymous", "ecr:BatchGetImage", SCOPE.repository_arn("x"))
    assert found.message.startswith("User: anonymous is not authorized to perform")


@pytest.mark.parametrize(
    "who",
    [
        f"arn:aws:iam::{ACCOUNT}:user/none",
        f"arn:aws:iam::{ACCOUNT}:user/path/admin",
        "arn:aws:iam::210987654321:user/admin",
        f"arn:aws:iam::{ACCOUNT}:role/none",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/none/ci",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/none",
        "ARBTNONE",
        "admin",
    ],
)
def test_who_is_not_there(registry: Registry, who: str) -> None:
    with pytest.raises(EntityNotFound, match="there is no active user, role, session or robot"):
        ask(registry, who, "ecr:PutImage", "*")
