"""Whatever two accounts do, neither sees or changes anything of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from botocore import xform_name
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.database.schema import (
    access_keys,
    attachments,
    groups,
    inline_policies,
    instance_profiles,
    policies,
    roles,
    users,
)
from tests.application import ACCOUNT, OpenRegistry, Registry
from tests.iam.client import ALLOW, OTHER, READ_ONLY, TRUST, admin_of, arn, iam_client

ACCOUNTS = (ACCOUNT, OTHER)
_NAMES = st.sampled_from(["a", "B"])
_POLICY_ARNS = st.sampled_from(
    [READ_ONLY, *(arn(f"policy/{name}", account) for name in "aB" for account in ACCOUNTS)]
)
_NAMED = {
    "UserName": _NAMES,
    "GroupName": _NAMES,
    "RoleName": _NAMES,
    "InstanceProfileName": _NAMES,
    "PolicyName": _NAMES,
    "PolicyArn": _POLICY_ARNS,
    "PermissionsBoundary": _POLICY_ARNS,
    "PolicyDocument": st.just(ALLOW),
    "AssumeRolePolicyDocument": st.just(TRUST),
    "NewUserName": _NAMES,
    "VersionId": st.sampled_from(["v1", "v2"]),
    "Tags": st.just([{"Key": "k", "Value": "v"}]),
    "TagKeys": st.just(["k"]),
}
_OPERATIONS: Mapping[str, Sequence[str]] = {
    "CreateUser": ("UserName", "PermissionsBoundary"),
    "CreateGroup": ("GroupName",),
    "CreateRole": ("RoleName", "AssumeRolePolicyDocument"),
    "CreateInstanceProfile": ("InstanceProfileName",),
    "CreatePolicy": ("PolicyName", "PolicyDocument"),
    "CreatePolicyVersion": ("PolicyArn", "PolicyDocument"),
    "CreateAccessKey": ("UserName",),
    "AddUserToGroup": ("UserName", "GroupName"),
    "RemoveUserFromGroup": ("UserName", "GroupName"),
    "AddRoleToInstanceProfile": ("InstanceProfileName", "RoleName"),
    "RemoveRoleFromInstanceProfile": ("InstanceProfileName", "RoleName"),
    "AttachUserPolicy": ("UserName", "PolicyArn"),
    "AttachRolePolicy": ("RoleName", "PolicyArn"),
    "AttachGroupPolicy": ("GroupName", "PolicyArn"),
    "DetachUserPolicy": ("UserName", "PolicyArn"),
    "PutUserPolicy": ("UserName", "PolicyName", "PolicyDocument"),
    "DeleteUserPolicy": ("UserName", "PolicyName"),
    "PutRolePermissionsBoundary": ("RoleName", "PermissionsBoundary"),
    "UpdateUser": ("UserName", "NewUserName"),
    "SetDefaultPolicyVersion": ("PolicyArn", "VersionId"),
    "DeletePolicyVersion": ("PolicyArn", "VersionId"),
    "TagUser": ("UserName", "Tags"),
    "TagPolicy": ("PolicyArn", "Tags"),
    "UntagPolicy": ("PolicyArn", "TagKeys"),
    "DeleteUser": ("UserName",),
    "DeleteGroup": ("GroupName",),
    "DeleteRole": ("RoleName",),
    "DeleteInstanceProfile": ("InstanceProfileName",),
    "DeletePolicy": ("PolicyArn",),
    "GetUser": ("UserName",),
    "GetGroup": ("GroupName",),
    "GetRole": ("RoleName",),
    "GetInstanceProfile": ("InstanceProfileName",),
    "GetPolicy": ("PolicyArn",),
    "ListPolicies": (),
    "ListUsers": (),
    "ListGroups": (),
    "ListRoles": (),
    "ListInstanceProfiles": (),
    "ListAccessKeys": ("UserName",),
    "ListEntitiesForPolicy": ("PolicyArn",),
    "ListAttachedUserPolicies": ("UserName",),
    "ListPolicyVersions": ("PolicyArn",),
}


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """Account, operation, parameters."""
    operation = draw(st.sampled_from(sorted(_OPERATIONS)))
    parameters = {name: draw(_NAMED[name]) for name in _OPERATIONS[operation]}
    return draw(st.sampled_from(ACCOUNTS)), operation, parameters


def owned(registry: Registry, account: str) -> dict[str, Any]:
    """Everything that belongs to the account."""
    rows = registry.rows()
    tables = (users, groups, roles, instance_profiles, policies)
    mine = {table.name: [row for row in rows[table.name] if account in row] for table in tables}
    ids = {row[0] for table in mine.values() for row in table}
    rest = ("access_keys", "group_members", "profile_roles", "policy_versions")
    for name in (*rest, "inline_policies", "attachments"):
        mine[name] = [row for row in rows[name] if row[0] in ids or row[1] in ids]
    return mine


def ids(registry: Registry, account: str) -> set[str]:
    """Unique ids of the account's entities and access keys."""
    mine = owned(registry, account)
    found = {row[0] for name, table in mine.items() if name != "policies" for row in table}
    return {each for each in found if not each.startswith("arn:")} | {
        row[1] for row in mine["policies"]
    }


def emptied(registry: Registry) -> None:
    """Only the administrators are left."""
    kept = ("admin", "root-like")
    with registry.ground.database.write() as connection:
        gone = sa.select(users.c.id).where(users.c.name.not_in(kept))
        connection.execute(sa.delete(access_keys).where(access_keys.c.user_id.in_(gone)))
        connection.execute(sa.delete(users).where(users.c.name.not_in(kept)))
        for table in (groups, roles, instance_profiles, policies):
            connection.execute(sa.delete(table))
        left = sa.select(users.c.id)
        for table in (attachments, inline_policies):
            connection.execute(sa.delete(table).where(table.c.owner_id.not_in(left)))


def populated(clients: Mapping[str, Any]) -> None:
    """Both accounts have one of each, under the same names."""
    for account, client in clients.items():
        made = {"PolicyName": "a", "PolicyDocument": ALLOW}
        client.create_policy(**made)
        client.create_user(UserName="a", PermissionsBoundary=arn("policy/a", account))
        client.create_access_key(UserName="a")
        client.create_group(GroupName="a")
        client.create_role(RoleName="a", AssumeRolePolicyDocument=TRUST)
        client.create_instance_profile(InstanceProfileName="a")
        client.attach_user_policy(UserName="a", PolicyArn=arn("policy/a", account))
        client.attach_group_policy(GroupName="a", PolicyArn=READ_ONLY)


@pytest.fixture
def shared(open_one: OpenRegistry) -> tuple[Registry, dict[str, Any]]:
    registry = open_one()
    return registry, {ACCOUNT: iam_client(registry), OTHER: admin_of(registry, OTHER)}


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes here
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(steps(), min_size=8, max_size=24))
def test_accounts_are_apart(
    shared: tuple[Registry, dict[str, Any]], sequence: list[tuple[str, str, dict[str, Any]]]
) -> None:
    registry, clients = shared
    emptied(registry)
    populated(clients)
    for account, operation, parameters in sequence:
        other = OTHER if account == ACCOUNT else ACCOUNT
        before = owned(registry, other)
        try:
            answer = str(getattr(clients[account], xform_name(operation))(**parameters))
        except ClientError as error:
            answer = str(error)
        assert owned(registry, other) == before, (account, operation, parameters)
        seen = [each for each in ids(registry, other) if each in answer]
        assert not seen, (account, operation, parameters)
        for _, policy, _ in owned(registry, account)["attachments"]:
            assert f"::{other}:" not in policy
