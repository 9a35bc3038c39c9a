"""Every operation that the gateway has: refused without a permission, and in the same words for
what is there and what is not. New operations are tried without being listed here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from registry.aws.gateway import Gateway
from registry.aws.service import Operation, Service
from registry.domain.identities.directory import AccessKey
from registry.keys.making import new_key
from registry.keys.masterkey import Alias
from registry.stores import tokens_of
from tests.application import ACCOUNT, SCOPE, Registry, allow
from tests.attacks.world import HIDDEN, MISSING, SECRET, THEIRS, World, ask, leaked, make_robot
from tests.aws.shape_values import values
from tests.ecrpublic.calls import PUBLIC
from tests.identities import ADMIN, OTHER, Temporary, aws, make_role, trusting
from tests.oci.bodies import Unchanged

DENIED = {"AccessDenied", "AccessDeniedException"}
UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException"}
TO_ANYONE = {"sts:GetCallerIdentity", "sts:GetSessionToken"}
NAMES = {"there": ("app", "target", SECRET), "gone": ("non", "nobody", MISSING)}
"""What exists, and the same in as many letters that does not."""
KEYS = {
    which: f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0000000{number}-0000-4000-8000-000000000000"
    for number, which in enumerate(NAMES)
}
NAMING = {"kms:RetireGrant", "kms:ListAliases"}
"""Operations that may name a key, and need not."""
POLICY = allow("ecr:*")
TRUST = trusting(ADMIN)


@pytest.fixture
def prepared(world: World) -> World:
    """With an entity of every kind named `target`."""
    iam = aws(world.registry, "iam")
    iam.create_user(UserName="target", Path="/x/")
    iam.create_group(GroupName="target", Path="/x/")
    iam.create_instance_profile(InstanceProfileName="target", Path="/x/")
    iam.create_policy(PolicyName="target", PolicyDocument=POLICY)
    make_role(world.registry, "target", TRUST, POLICY)
    key_id = KEYS["there"].rpartition("/")[2]
    key = replace(new_key(datetime.now(UTC), SCOPE), key_id=key_id, named=(Alias("alias/target"),))
    world.registry.ground.keys.edit(lambda ring: ring.added(key))
    aws(world.registry, "ssm").put_parameter(Name="/target", Value="v", Type="SecureString")
    aws(world.registry, "secretsmanager").create_secret(Name="target", SecretString="v")
    logs = aws(world.registry, "logs")
    logs.create_log_group(logGroupName="target")
    logs.create_log_stream(logGroupName="target", logStreamName="target")
    return world


def gateway(registry: Registry) -> Gateway:
    found: Gateway = registry.app._app._gateway
    return found


def services(registry: Registry) -> Iterator[Service]:
    found = gateway(registry)
    yield from (*found._by_target.values(), *found._by_name.values())


def operations(registry: Registry) -> list[Operation]:
    return [each for service in services(registry) for each in service.operations.values()]


def guarded(registry: Registry) -> list[Operation]:
    return [each for each in operations(registry) if each.resource is not None]


def test_only_two_operations_are_for_anyone(registry: Registry) -> None:
    found = {each.label for each in operations(registry) if each.resource is None}
    assert found == TO_ANYONE
    actions = {action for each in guarded(registry) for action in each.actions}
    pattern = re.compile(r"(ecr|ecr-public|ecs|iam|kms|logs|secretsmanager|ssm|sts):[A-Z][A-Za-z]+")
    assert all(pattern.fullmatch(action) for action in actions)


def parameters(operation: Operation, which: str, account: str | None = None) -> dict[str, Any]:
    """The least valid input of an operation; of another account's registry, where one can say."""
    shape = operation.model.input_shape
    if not isinstance(shape, StructureShape):
        return {}
    _, entity, repository = NAMES[which]
    public = operation.label.startswith("ecr-public:")
    known: dict[str, Any] = {
        "repositoryName": repository,
        "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/{entity}",
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{entity}",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{entity}",
        "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/{entity}",
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "VersionId": "v1",
        "Status": "Inactive",
        "AssumeRolePolicyDocument": TRUST,
        "imageDigest": HIDDEN.digest,
        "imageManifest": HIDDEN.manifest.decode(),
        "imageTag": "v1",
        "layerDigest": HIDDEN.blobs[0].digest,
        "LayerDigest": HIDDEN.blobs[0].digest,
        "uploadId": "00000000-0000-4000-8000-000000000000",
        "replicationBackfillId": "00000000-0000-4000-8000-000000000000",
        "prefix": "team",
        "KeyId": KEYS[which],
        "TargetKeyId": KEYS[which],
        "DestinationKeyId": KEYS[which],
        "AliasName": f"alias/{entity}",
        "RotationPeriodInDays": 90,
        "principalArn": f"arn:aws:iam::{ACCOUNT}:user/{entity}",
        "signingProfileArn": f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/{entity}",
        "registryId": ACCOUNT,
        "resourceArn": (PUBLIC if public else SCOPE).repository_arn(repository),
    }
    if operation.label.startswith("logs:"):
        known["resourceArn"] = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{entity}"
        known["logGroupIdentifier"] = entity
    if operation.label.startswith("ssm:"):
        known["Name"] = known["Path"] = known["ResourceId"] = f"/{entity}"
        known["Names"] = [f"/{entity}"]
    if operation.label.startswith("secretsmanager:"):
        known["SecretId"] = known["Name"] = entity
        known["ResourcePolicy"] = POLICY
    documents = {"PolicyDocument", "policyText", "PolicyInput"}

    def value(name: str, member: Shape) -> Any:
        if name in known:
            return known[name]
        if name in documents or name.startswith("PolicyInput"):
            return [POLICY] if isinstance(member, ListShape) else POLICY
        if name.endswith("Name") and member.type_name == "string":
            return entity
        return least(member, value)

    found = {name: value(name, shape.members[name]) for name in shape.required_members}
    chosen = {"repositoryNames": [repository], "UserName": entity, "registryId": account}
    chosen |= {"logGroupName": entity}
    chosen |= {"GrantId": "a" * 64} | ({"KeyId": KEYS[which]} if operation.label in NAMING else {})
    return found | {k: v for k, v in chosen.items() if k in shape.members and v is not None}


def least(shape: Shape, value: Callable[[str, Shape], Any]) -> Any:
    """The smallest value that meets a shape's constraints, as far as they say it."""
    if isinstance(shape, StructureShape):
        names = shape.required_members or ("imageDigest",)
        if getattr(shape, "is_tagged_union", False):
            names = [next(iter(shape.members))]
        return {name: value(name, shape.members[name]) for name in names if name in shape.members}
    if isinstance(shape, ListShape):
        return [value(shape.member.name, shape.member)]
    if isinstance(shape, MapShape):
        pair = {value("key", shape.key): value("value", shape.value)}
        return pair if shape.metadata.get("min") else {}
    if shape.type_name == "string":
        return next(iter(shape.metadata.get("enum", ())), "a" * shape.metadata.get("min", 1))
    number = max(1, shape.metadata.get("min", 1))
    return {"boolean": False, "blob": b"x"}.get(shape.type_name, number)


def said(
    world: World, key: AccessKey | Temporary, operation: Operation, given: dict[str, Any]
) -> tuple[int, str, str]:
    """Status, code and message of what a signed request gets; ("", answer) where it is served."""
    client = world.client(operation.model.service_model.service_name, key)
    try:
        answer = getattr(client, xform_name(operation.model.name))(**given)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error.response["Error"]["Code"], error.response["Error"]["Message"]
    return 200, "", str(answer)


@pytest.mark.parametrize("caller", ["stranger", "neighbour", "refused", "session"])
def test_every_operation_is_refused(prepared: World, caller: str) -> None:
    registry, key = prepared.registry, prepared.signers[caller]
    with Unchanged(registry):
        for operation in guarded(registry):
            if caller == "session" and operation.label == "sts:AssumeRole":
                continue  # asked of the role's trust policy: see test_deputies.py
            if operation.label == "ecr:GetAuthorizationToken" or (
                caller == "refused" and "repositoryName" not in str(parameters(operation, "there"))
            ):
                continue  # what these callers may
            there, gone = (
                said(prepared, key, operation, parameters(operation, which))
                for which in ("there", "gone")
            )
            assert there[1] in DENIED, (operation.label, there)
            assert there[0] in {400, 403}
            assert anonymised(there[2], "there") == anonymised(gone[2], "gone"), operation.label


def anonymised(message: str, which: str) -> str:
    """A message without the names that were asked for."""
    _, entity, repository = NAMES[which]
    for name in (repository, entity, KEYS[which]):
        message = message.replace(name, "NAME")
    return message


def test_another_account_is_refused_by_whatever_names_this_one(prepared: World) -> None:
    registry, key = prepared.registry, prepared.signers["foreigner"]
    members = {"registryId", "RoleArn", "PolicyArn", "PolicySourceArn", "PermissionsBoundary"}
    members.add("KeyId")
    tried = 0
    with Unchanged(registry):
        for operation in guarded(registry):
            if not members & parameters(operation, "there", ACCOUNT).keys():
                continue
            there, gone = (
                said(prepared, key, operation, parameters(operation, which, ACCOUNT))
                for which in ("there", "gone")
            )
            # What it names by name it looks for in its own account.
            whole = operation.label.startswith(("ecr:", "kms:"))
            refusals = DENIED if whole else DENIED | {"NoSuchEntity"}
            assert there[1] in refusals, (operation.label, there)
            assert anonymised(there[2], "there") == anonymised(gone[2], "gone"), operation.label
            tried += 1
    assert tried > 15


def test_every_operation_is_refused_to_who_is_nobody(prepared: World) -> None:
    """Ended users and keys, a robot's id, a docker password: none of them signs."""
    registry = prepared.registry
    robot = make_robot(registry, "signing")
    password = tokens_of(registry.ground).for_robot(robot.id)
    nobodies = {
        "gone user": prepared.signers["gone user"],
        "gone key": prepared.signers["gone key"],
        "robot": Temporary(robot.id, password, password),
        "password": Temporary(registry.admin.id, registry.admin.secret, registry.token()),
    }
    with Unchanged(registry):
        for name, key in nobodies.items():
            for operation in operations(registry):
                answer = said(prepared, key, operation, parameters(operation, "there"))
                assert answer[1] in UNKNOWN, (name, operation.label, answer)


AUTHORIZATIONS = (
    None,
    "",
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 Credential=/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host,"
    " Signature=",
    "Basic QVdTOkFXUw==",
    "Bearer x",
)  # fmt: skip

REFUSED = re.compile(
    rb"MissingAuthenticationToken|IncompleteSignature|InvalidSignature|SignatureDoesNotMatch"
)


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
def test_every_operation_is_refused_without_a_signature(
    prepared: World, authorization: str | None
) -> None:
    registry = prepared.registry
    with Unchanged(registry):
        for service in services(registry):
            for name in service.operations:
                if service.target_prefix:
                    headers = [(b"x-amz-target", f"{service.target_prefix}.{name}".encode())]
                    body = b"{}"
                else:
                    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
                    body = f"Action={name}&Version={service.model.api_version}".encode()
                headers.append((b"x-amz-date", b"20260101T000000Z"))
                answer = ask(registry, "POST", b"/", authorization, headers=headers, body=body)
                assert answer.status in {400, 403}, (name, answer)
                assert REFUSED.search(answer.body), (name, answer)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_sent_nothing_is_done_without_a_permission(
    world: World, data: st.DataObject
) -> None:
    registry = world.registry
    operation = data.draw(st.sampled_from(guarded(registry)))
    assume(operation.label != "ecr:GetAuthorizationToken")
    given_ = data.draw(values(operation.model.input_shape, empty=False, depth=2))
    known = parameters(operation, data.draw(st.sampled_from(["there", "gone"])))
    given_ |= data.draw(
        st.fixed_dictionaries({}, optional={k: st.just(v) for k, v in known.items()})
    )
    with Unchanged(registry):
        status, code, message = said(world, world.signers["stranger"], operation, given_)
    assert 400 <= status < 500, (operation.label, given_, message)
    assert code not in {"", "InternalFailure"}, (operation.label, message)
    assert not leaked(message.encode(), HIDDEN, THEIRS)
    assert OTHER not in message or OTHER in json.dumps(given_, default=str)
