"""Confused deputies: what one caller was given, or may do, used for what another may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.domain.identities.directory import AccessKey
from registry.stores import tokens_of
from registry.values.scope import Scope
from tests.application import ACCOUNT, HOST, REGION, SCOPE, Registry, allow, basic, on
from tests.attacks.world import (
    DIGEST,
    HIDDEN,
    SECRET,
    THEIRS,
    World,
    ask,
    host_of,
    leaked,
    make_robot,
    trusting_all,
)
from tests.identities import ADMIN, OTHER, Temporary, assume, aws, docker_password, make_role
from tests.images import digest_of
from tests.oci.bodies import Unchanged

MINE = "team/app"
NOWHERE = digest_of(b"a blob that is nowhere")


@pytest.fixture
def deputies(world: World) -> World:
    """With an empty repository that the neighbour, the session and the robot may use."""
    world.registry.create(MINE)
    return world


def code(call: Any, **given: Any) -> str:
    """The error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


# Uploads


def test_an_upload_is_nobody_elses_and_in_no_other_repository(deputies: World) -> None:
    registry = deputies.registry
    with registry.http() as owner:
        location = owner.post(f"/v2/{SECRET}/blobs/uploads/").headers["location"]
        assert owner.patch(location, content=b"mine").status_code == 202
    upload, unknown = location.rpartition("/")[2], "00000000-0000-4000-8000-000000000000"
    callers = {**deputies.callers, "owner": basic(registry.token())}
    with Unchanged(registry):
        for caller, authorization in callers.items():
            for method in ("GET", "PATCH", "PUT", "DELETE"):
                answers = []
                for each in (upload, unknown):
                    path = f"/v2/{MINE}/blobs/uploads/{each}?digest={digest_of(b'mine')}"
                    body = b"more" if method == "PATCH" else b""
                    answer = ask(registry, method, path.encode(), authorization, body=body)
                    assert answer.status in {401, 403, 404}, (caller, method, answer)
                    answers.append((answer.status, answer.body.replace(each.encode(), b"")))
                assert answers[0] == answers[1], (caller, method)


def test_an_upload_of_one_session_is_no_other_sessions(deputies: World) -> None:
    registry = deputies.registry
    role = make_role(registry, "push", trusting_all(ADMIN), allow("*"))
    one, two = (assume(registry, None, role, RoleSessionName=name) for name in ("one", "two"))
    headers = [{"authorization": basic(docker_password(registry, key))} for key in (one, two)]
    with registry.anyone(headers[0]) as first, registry.anyone(headers[1]) as second:
        location = first.post(f"/v2/{MINE}/blobs/uploads/").headers["location"]
        assert second.get(location).status_code == 404
        assert first.get(location).status_code == 204


# Mounts

SOURCES = (SECRET, f"{SECRET}/", SECRET.upper(), f"./{SECRET}", f"team/../{SECRET}",
           f"{MINE}/../../{SECRET}", SECRET.replace("/", "%2F"), SECRET.replace("/", "%252F"),
           f"{HOST}/{SECRET}", f"{host_of(ACCOUNT)}/{SECRET}", f"{SECRET}:v1", "*", "secret/*",
           on(SECRET), f"{MINE}&from={SECRET}", f"{SECRET}&from={MINE}", "", "%00")  # fmt: skip


@pytest.mark.parametrize("caller", ["neighbour", "session", "robot"])
def test_nothing_is_mounted_from_where_one_may_not_read(deputies: World, caller: str) -> None:
    registry, authorization = deputies.registry, deputies.callers[caller]
    for source in (*(f"&from={each}" for each in SOURCES), ""):
        outcomes = []
        for digest in (DIGEST, NOWHERE):
            target = f"/v2/{MINE}/blobs/uploads/?mount={digest}{source}"
            outcomes.append(ask(registry, "POST", target.encode(), authorization).status)
        assert outcomes[0] == outcomes[1], source
        assert outcomes[0] != 201, source
        answer = ask(registry, "HEAD", f"/v2/{MINE}/blobs/{DIGEST}".encode(), authorization)
        assert answer.status == 404, source
    pushed = ask(
        registry, "PUT", f"/v2/{MINE}/manifests/v1".encode(), authorization,
        headers=[(b"content-type", HIDDEN.media_type.encode())], body=HIDDEN.manifest,
    )  # fmt: skip
    assert pushed.status == 400
    assert b"MANIFEST_BLOB_UNKNOWN" in pushed.body


def test_nothing_is_mounted_across_accounts(deputies: World) -> None:
    registry = deputies.registry
    registry.repositories.create(Scope(OTHER, REGION), MINE)
    for source in (*(f"&from={each}" for each in SOURCES), ""):
        target = f"/v2/{MINE}/blobs/uploads/?mount={DIGEST}{source}"
        answer = ask(
            registry, "POST", target.encode(), deputies.callers["foreigner"],
            host=host_of(OTHER).encode(),
        )  # fmt: skip
        assert answer.status != 201, source
    answer = ask(
        registry, "GET", f"/v2/{MINE}/blobs/{DIGEST}".encode(), deputies.callers["foreigner"],
        host=host_of(OTHER).encode(),
    )  # fmt: skip
    assert answer.status == 404


# Pages


def test_a_page_token_shows_no_other_caller_and_no_other_account_anything(deputies: World) -> None:
    registry = deputies.registry
    registry.repositories.create(Scope(OTHER, REGION), "theirs/one")
    ours = registry.ecr().describe_repositories(maxResults=1)["nextToken"]
    theirs = deputies.client("ecr", deputies.signers["foreigner"])
    other = theirs.describe_repositories(maxResults=1)["nextToken"]
    colleague = registry.ecr(registry.user("colleague", allow("*")))
    for call, given in (
        (theirs.describe_repositories, {"nextToken": ours}),
        (registry.ecr().describe_repositories, {"nextToken": other}),
        (colleague.describe_repositories, {"nextToken": ours}),
    ):
        assert code(call, **given) == "InvalidParameterException"
    crossed = {"nextToken": ours, "registryId": ACCOUNT}
    assert code(theirs.describe_repositories, **crossed) == "AccessDeniedException"


# Sealed things, each taken for another


def test_what_is_sealed_for_one_purpose_opens_for_no_other(deputies: World) -> None:
    registry = deputies.registry
    registry.create("team/two")
    session = deputies.signers["session"]
    assert isinstance(session, Temporary)
    sealed = {
        "password": registry.token(),
        "robot": tokens_of(registry.ground).for_robot(make_robot(registry, "sealed").id),
        "session": session.token,
        "page": registry.ecr().describe_repositories(maxResults=1)["nextToken"],
        "marker": aws(registry, "iam").list_users(MaxItems=1)["Marker"],
    }
    key = registry.admin
    for name, text in sealed.items():
        docker = ask(registry, "GET", b"/v2/", basic(text)).status
        assert docker == (200 if name in {"password", "robot"} else 401), name
        for key_id, secret in ((key.id, key.secret), (session.id, session.secret)):
            if (name, key_id) == ("session", session.id):
                continue  # what it is for
            signed = registry.aws("sts", key_id, secret, text).get_caller_identity
            assert code(signed) == "InvalidClientTokenId", (name, key_id)
        if name != "page":
            call = registry.ecr().describe_repositories
            assert code(call, nextToken=text) == "InvalidParameterException", name
        if name != "marker":
            assert code(aws(registry, "iam").list_users, Marker=text) == "ValidationError", name


def test_a_session_token_goes_with_no_other_key_or_account(deputies: World) -> None:
    registry = deputies.registry
    foreigner = deputies.signers["foreigner"]
    assert isinstance(foreigner, AccessKey)
    role = make_role(registry, "them", trusting_all(foreigner.user.arn), allow("*"), account=OTHER)
    theirs = assume(registry, foreigner, role)
    ours = deputies.signers["session"]
    assert isinstance(ours, Temporary)
    for mixed in (
        Temporary(ours.id, ours.secret, theirs.token),
        Temporary(theirs.id, theirs.secret, ours.token),
        Temporary(ours.id, theirs.secret, theirs.token),
        Temporary(theirs.id[:-1] + ("A" if theirs.id[-1] != "A" else "B"), theirs.secret,
                  theirs.token),
        Temporary(theirs.id.lower(), theirs.secret, theirs.token),
    ):  # fmt: skip
        assert code(aws(registry, "sts", mixed).get_caller_identity) in {
            "InvalidClientTokenId", "SignatureDoesNotMatch",
        }  # fmt: skip
        assert code(aws(registry, "ecr", mixed).get_authorization_token) in {
            "UnrecognizedClientException", "InvalidSignatureException",
        }  # fmt: skip


# More than one was given


def test_a_limited_session_does_not_grow_by_another_role(deputies: World) -> None:
    registry = deputies.registry
    small = f"arn:aws:iam::{ACCOUNT}:role/any"
    big = make_role(registry, "big", trusting_all(small), allow("*"))
    assert code(
        deputies.client("sts", deputies.signers["session"]).assume_role,
        RoleArn=big, RoleSessionName="grown",
    ) == "AccessDenied"  # fmt: skip
    whole = assume(registry, None, small)
    assert assume(registry, whole, big).id.startswith("ASIA")


def test_a_robot_goes_nowhere_beyond_its_policy(deputies: World) -> None:
    registry, authorization = deputies.registry, deputies.callers["robot"]
    registry.repositories.create(Scope(OTHER, REGION), MINE)
    registry.repositories.create(Scope(ACCOUNT, "eu-west-1"), SECRET)
    assert ask(registry, "GET", f"/v2/{MINE}/tags/list".encode(), authorization).status == 200
    with Unchanged(registry):
        for host in (host_of(OTHER), host_of(ACCOUNT, "eu-west-1"), host_of(ACCOUNT), HOST):
            for method, name, target in (
                ("GET", SECRET, "manifests/v1"), ("GET", SECRET, f"blobs/{DIGEST}"),
                ("POST", SECRET, "blobs/uploads/"), ("DELETE", MINE, "manifests/v1"),
                ("DELETE", MINE, f"blobs/{DIGEST}"),
            ):  # fmt: skip
                path = f"/v2/{name}/{target}".encode()
                answer = ask(registry, method, path, authorization, host=host.encode())
                assert answer.status == 403, (host, method, path, answer)
        path = f"/v2/{MINE}/tags/list".encode()
        there = ask(registry, "GET", path, authorization, host=host_of(OTHER).encode())
        assert there.status == 403
        assert ask(registry, "GET", b"/v2/_catalog", authorization).status == 403
    signed = [(b"x-amz-target", b"AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")]
    answer = ask(registry, "POST", b"/", authorization, headers=signed, body=b"{}")
    assert answer.status in {400, 403}


def test_a_policy_of_a_repository_gives_no_other(deputies: World) -> None:
    """Who may set a repository's policy gives away that repository, and no more by it."""
    registry = deputies.registry
    statement = {"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    neighbour = deputies.client("ecr", deputies.signers["neighbour"])
    neighbour.set_repository_policy(repositoryName=MINE, policyText=text)
    path = f"/v2/{SECRET}/manifests/v1".encode()
    for caller, authorization in deputies.callers.items():
        answer = ask(registry, "GET", path, authorization)
        assert answer.status in {401, 403}, caller
        assert not leaked(answer.body, HIDDEN, THEIRS)
    assert ask(registry, "GET", f"/v2/{MINE}/tags/list".encode()).status == 200


def test_rights_to_images_are_none_to_policies_or_identities(registry: Registry) -> None:
    registry.create(MINE)
    pusher = registry.user("pusher", allow("ecr:PutImage", "ecr:BatchGetImage", resource=on("*")))
    text = allow("ecr:*").replace('"Effect"', '"Principal": "*", "Effect"')
    call = registry.ecr(pusher).set_repository_policy
    assert code(call, repositoryName=MINE, policyText=text) == "AccessDeniedException"
    iam = aws(registry, "iam", pusher)
    grown = {"UserName": "pusher", "PolicyName": "more", "PolicyDocument": allow("*")}
    assert code(iam.put_user_policy, **grown) == "AccessDenied"
    assert code(iam.create_access_key, UserName="admin") == "AccessDenied"
    assert registry.repositories.get(SCOPE, MINE).name == MINE
