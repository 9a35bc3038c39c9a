"""One valid request for every operation of IAM, on entities that `prepare` makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.iam.client import ALLOW, READ_ONLY, TRUST, arn

_TAGS = [{"Key": "a", "Value": "b"}]
_USER: Mapping[str, Any] = {"UserName": "ada"}
_GROUP: Mapping[str, Any] = {"GroupName": "team"}
_ROLE: Mapping[str, Any] = {"RoleName": "task"}
_PROFILE: Mapping[str, Any] = {"InstanceProfileName": "host"}
_POLICY: Mapping[str, Any] = {"PolicyArn": arn("policy/x/push")}
_INLINE: Mapping[str, Any] = {"PolicyName": "inline"}
_VERSION: Mapping[str, Any] = {"VersionId": "v1"}
_ACTIONS: Mapping[str, Any] = {"ActionNames": ["ecr:PutImage"]}

USER, GROUP, ROLE = arn("user/x/ada"), arn("group/x/team"), arn("role/x/task")
PROFILE, POLICY = arn("instance-profile/x/host"), arn("policy/x/push")

KEY = "the id of ada's access key"

Example = tuple[Mapping[str, Any], tuple[str, ...]]

EXAMPLES: Mapping[str, Example] = {
    "CreateUser": ({"UserName": "new", "Path": "/x/"}, (arn("user/x/new"),)),
    "GetUser": (_USER, (USER,)),
    "ListUsers": ({"PathPrefix": "/x/"}, (arn("user/x/"),)),
    "UpdateUser": ({**_USER, "NewPath": "/y/"}, (USER, arn("user/y/ada"))),
    "DeleteUser": (_USER, (USER,)),
    "PutUserPermissionsBoundary": ({**_USER, "PermissionsBoundary": READ_ONLY}, (USER,)),
    "DeleteUserPermissionsBoundary": (_USER, (USER,)),
    "CreateAccessKey": (_USER, (USER,)),
    "ListAccessKeys": (_USER, (USER,)),
    "UpdateAccessKey": ({**_USER, "AccessKeyId": KEY, "Status": "Inactive"}, (USER,)),
    "DeleteAccessKey": ({**_USER, "AccessKeyId": KEY}, (USER,)),
    "GetAccessKeyLastUsed": ({"AccessKeyId": KEY}, (USER,)),
    "ListSSHPublicKeys": (_USER, (USER,)),
    "ListMFADevices": (_USER, (USER,)),
    "ListVirtualMFADevices": ({}, ("*",)),
    "ListSigningCertificates": (_USER, (USER,)),
    "ListServiceSpecificCredentials": (_USER, (USER,)),
    "GetLoginProfile": (_USER, (USER,)),
    "DeleteLoginProfile": (_USER, (USER,)),
    "TagUser": ({**_USER, "Tags": _TAGS}, (USER,)),
    "UntagUser": ({**_USER, "TagKeys": ["a"]}, (USER,)),
    "ListUserTags": (_USER, (USER,)),
    "PutUserPolicy": ({**_USER, **_INLINE, "PolicyDocument": ALLOW}, (USER,)),
    "GetUserPolicy": ({**_USER, **_INLINE}, (USER,)),
    "ListUserPolicies": (_USER, (USER,)),
    "DeleteUserPolicy": ({**_USER, **_INLINE}, (USER,)),
    "AttachUserPolicy": ({**_USER, **_POLICY}, (USER,)),
    "DetachUserPolicy": ({**_USER, **_POLICY}, (USER,)),
    "ListAttachedUserPolicies": (_USER, (USER,)),
    "CreateGroup": ({"GroupName": "new"}, (arn("group/new"),)),
    "GetGroup": (_GROUP, (GROUP,)),
    "ListGroups": ({}, (arn("group/"),)),
    "ListGroupsForUser": (_USER, (USER,)),
    "UpdateGroup": ({**_GROUP, "NewGroupName": "crew"}, (GROUP, arn("group/x/crew"))),
    "DeleteGroup": (_GROUP, (GROUP,)),
    "AddUserToGroup": ({**_GROUP, **_USER}, (GROUP,)),
    "RemoveUserFromGroup": ({**_GROUP, **_USER}, (GROUP,)),
    "PutGroupPolicy": ({**_GROUP, **_INLINE, "PolicyDocument": ALLOW}, (GROUP,)),
    "GetGroupPolicy": ({**_GROUP, **_INLINE}, (GROUP,)),
    "ListGroupPolicies": (_GROUP, (GROUP,)),
    "DeleteGroupPolicy": ({**_GROUP, **_INLINE}, (GROUP,)),
    "AttachGroupPolicy": ({**_GROUP, **_POLICY}, (GROUP,)),
    "DetachGroupPolicy": ({**_GROUP, **_POLICY}, (GROUP,)),
    "ListAttachedGroupPolicies": (_GROUP, (GROUP,)),
    "CreateRole": (
        {"RoleName": "new", "AssumeRolePolicyDocument": TRUST},
        (arn("role/new"),),
    ),
    "GetRole": (_ROLE, (ROLE,)),
    "ListRoles": ({}, (arn("role/"),)),
    "UpdateRole": ({**_ROLE, "Description": "d"}, (ROLE,)),
    "UpdateRoleDescription": ({**_ROLE, "Description": "d"}, (ROLE,)),
    "UpdateAssumeRolePolicy": ({**_ROLE, "PolicyDocument": TRUST}, (ROLE,)),
    "DeleteRole": (_ROLE, (ROLE,)),
    "PutRolePermissionsBoundary": ({**_ROLE, "PermissionsBoundary": READ_ONLY}, (ROLE,)),
    "DeleteRolePermissionsBoundary": (_ROLE, (ROLE,)),
    "TagRole": ({**_ROLE, "Tags": _TAGS}, (ROLE,)),
    "UntagRole": ({**_ROLE, "TagKeys": ["a"]}, (ROLE,)),
    "ListRoleTags": (_ROLE, (ROLE,)),
    "PutRolePolicy": ({**_ROLE, **_INLINE, "PolicyDocument": ALLOW}, (ROLE,)),
    "GetRolePolicy": ({**_ROLE, **_INLINE}, (ROLE,)),
    "ListRolePolicies": (_ROLE, (ROLE,)),
    "DeleteRolePolicy": ({**_ROLE, **_INLINE}, (ROLE,)),
    "AttachRolePolicy": ({**_ROLE, **_POLICY}, (ROLE,)),
    "DetachRolePolicy": ({**_ROLE, **_POLICY}, (ROLE,)),
    "ListAttachedRolePolicies": (_ROLE, (ROLE,)),
    "CreateInstanceProfile": (
        {"InstanceProfileName": "new"},
        (arn("instance-profile/new"),),
    ),
    "GetInstanceProfile": (_PROFILE, (PROFILE,)),
    "ListInstanceProfiles": ({}, (arn("instance-profile/"),)),
    "ListInstanceProfilesForRole": (_ROLE, (ROLE,)),
    "DeleteInstanceProfile": (_PROFILE, (PROFILE,)),
    "AddRoleToInstanceProfile": ({**_PROFILE, **_ROLE}, (PROFILE,)),
    "RemoveRoleFromInstanceProfile": ({**_PROFILE, **_ROLE}, (PROFILE,)),
    "TagInstanceProfile": ({**_PROFILE, "Tags": _TAGS}, (PROFILE,)),
    "UntagInstanceProfile": ({**_PROFILE, "TagKeys": ["a"]}, (PROFILE,)),
    "ListInstanceProfileTags": (_PROFILE, (PROFILE,)),
    "CreatePolicy": ({"PolicyName": "new", "PolicyDocument": ALLOW}, (arn("policy/new"),)),
    "GetPolicy": (_POLICY, (POLICY,)),
    "ListPolicies": ({}, ("*",)),
    "DeletePolicy": (_POLICY, (POLICY,)),
    "ListEntitiesForPolicy": (_POLICY, (POLICY,)),
    "CreatePolicyVersion": ({**_POLICY, "PolicyDocument": ALLOW}, (POLICY,)),
    "GetPolicyVersion": ({**_POLICY, **_VERSION}, (POLICY,)),
    "ListPolicyVersions": (_POLICY, (POLICY,)),
    "DeletePolicyVersion": ({**_POLICY, **_VERSION}, (POLICY,)),
    "SetDefaultPolicyVersion": ({**_POLICY, **_VERSION}, (POLICY,)),
    "TagPolicy": ({**_POLICY, "Tags": _TAGS}, (POLICY,)),
    "UntagPolicy": ({**_POLICY, "TagKeys": ["a"]}, (POLICY,)),
    "ListPolicyTags": (_POLICY, (POLICY,)),
    "ListAccountAliases": ({}, ("*",)),
    "GetAccountSummary": ({}, ("*",)),
    "SimulatePrincipalPolicy": ({**_ACTIONS, "PolicySourceArn": USER}, (USER,)),
    "SimulateCustomPolicy": ({**_ACTIONS, "PolicyInputList": [ALLOW]}, ("*",)),
}
"""By operation: parameters, and the ARNs on which it is authorized."""


def prepare(iam: Any) -> str:
    """Make what the examples are about; the id of ada's access key."""
    iam.create_user(UserName="ada", Path="/x/", PermissionsBoundary=READ_ONLY)
    key: str = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
    iam.create_group(GroupName="team", Path="/x/")
    iam.create_role(RoleName="task", Path="/x/", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="host", Path="/x/")
    iam.create_policy(PolicyName="push", Path="/x/", PolicyDocument=ALLOW)
    for noun, named in (("user", _USER), ("group", _GROUP), ("role", _ROLE)):
        put = getattr(iam, f"put_{noun}_policy")
        put(**named, PolicyName="inline", PolicyDocument=ALLOW)
    return key


def parameters_of(operation: str, key_id: str) -> dict[str, Any]:
    """The parameters of the example, with the id of the key where it is asked for."""
    parameters = EXAMPLES[operation][0]
    return {name: key_id if value == KEY else value for name, value in parameters.items()}
