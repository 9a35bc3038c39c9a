from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from registry.domain.identities import entities, policies
from registry.domain.identities.aws_managed import DOCUMENTS, unique_id
from registry.domain.identities.groups import Groups
from registry.domain.identities.policies import Policies, split_arn
from registry.domain.identities.resource_tags import ResourceTags
from registry.domain.identities.roles import Profiles, Roles
from registry.domain.identities.users import Users
from registry.values.errors import EntityExists, EntityNotFound, LimitExceeded
from tests.application import ACCOUNT, OpenRegistry, Registry, allow
from tests.iam.client import OTHER, TRUST


def test_an_account_has_its_quota_at_most(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = registry.ground.database
    few = replace(entities.GROUPS, quota=2)
    monkeypatch.setattr("registry.domain.identities.groups.GROUPS", few)
    groups = Groups(database)
    for name in ("a", "b"):
        groups.create(ACCOUNT, name)
    with pytest.raises(LimitExceeded, match="Cannot exceed quota for GroupsPerAccount: 2"):
        groups.create(ACCOUNT, "c")
    monkeypatch.setattr(policies, "QUOTA", 1)
    Policies(database).create(ACCOUNT, "a", allow("ecr:*"))
    with pytest.raises(LimitExceeded, match="PoliciesPerAccount: 1"):
        Policies(database).create(ACCOUNT, "b", allow("ecr:*"))


def test_the_same_name_in_two_accounts(registry: Registry) -> None:
    registry.user("admin", account=OTHER)
    users = Users(registry.ground.database)
    ours, theirs = users.get(ACCOUNT, "admin"), users.get(OTHER, "admin")
    assert ours.id != theirs.id
    assert [each.id for each in users.page(OTHER, "", 10)] == [theirs.id]
    with pytest.raises(EntityExists):
        users.create(OTHER, "ADMIN")
    assert users.find(OTHER, "nobody") is None


def test_a_prefix_is_a_prefix_in_its_own_case(registry: Registry) -> None:
    users = Users(registry.ground.database)
    for name, path in (("a", "/x/"), ("b", "/X/"), ("c", "/xy/"), ("d", "/%/"), ("e", "/x/y/")):
        users.create(ACCOUNT, name, path=path)

    def names(prefix: str) -> str:
        return "".join(each.name for each in users.page(ACCOUNT, "", 10, prefix))

    assert names("/x/") == "ae"
    assert names("/x") == "ace"
    assert names("/X") == "b"
    assert names("/%") == "d"
    assert names("/_") == ""


def test_tags_by_arn(registry: Registry) -> None:
    database = registry.ground.database
    find, tags = ResourceTags(database).find, {"b": "2", "a": "1"}
    made = [
        Users(database).create(ACCOUNT, "u", path="/x/", tags=tags).arn,
        Roles(database).create(ACCOUNT, "r", TRUST, tags=tags).arn,
        Profiles(database).create(ACCOUNT, "i", path="/x/y/", tags=tags).arn,
        Policies(database).create(ACCOUNT, "p", allow("ecr:*"), tags=tags).arn,
    ]
    for arn in made:
        assert find(arn) == (("a", "1"), ("b", "2")), arn
        assert find(arn.replace(ACCOUNT, OTHER)) == ()
    for arn in ("", "arn:aws:iam::1:user", f"arn:aws:iam::{ACCOUNT}:user/u", "arn:aws:iam::1:x/y"):
        assert find(arn) == ()


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:iam::123456789012:policy/p", ("/", "p")),
        ("arn:aws:iam::123456789012:policy/a/b/p", ("/a/b/", "p")),
        ("arn:aws:iam::aws:policy/service-role/X", ("/service-role/", "X")),
    ],
)
def test_path_and_name_of_a_policy(arn: str, expected: tuple[str, str]) -> None:
    assert split_arn(arn) == expected


def test_ids_of_awss_policies_are_unique_and_look_like_ids() -> None:
    ids = {unique_id(arn) for arn in DOCUMENTS}
    assert len(ids) == len(DOCUMENTS)
    assert all(len(each) == 21 and each.isalnum() for each in ids)


def test_a_user_that_is_deleted_takes_its_robots_along(open_one: OpenRegistry) -> None:
    ground = open_one(robot_tokens=True).ground
    users = Users(ground.database)
    made = users.create(ACCOUNT, "ci")
    identity = ground.directory.user(made.id)
    assert identity is not None
    ground.robots.create(identity, "bot", allow("ecr:*"), None)
    users.delete(ACCOUNT, "ci")
    assert ground.robots.list(ACCOUNT) == []
    assert ground.directory.user(made.id) is None
    with pytest.raises(EntityNotFound):
        users.delete(ACCOUNT, "ci")
    with ground.database.read() as connection:
        found = sa.select(sa.func.count()).select_from(entities.USERS.table)
        assert connection.execute(found).scalar() == 1
