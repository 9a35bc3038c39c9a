"""Public repositories as docker meets them: pulled by anybody, pushed by who may."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from registry.domain.audit_events import Event
from registry.oci.bearer import NOBODY
from tests import images
from tests.application import ACCOUNT, HOST, Registry, allow, basic
from tests.ecr.calls import image
from tests.ecrpublic.calls import NAME, PUBLIC_HOST, alias_of, hold, path_of, public
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

TREE = images.multi_arch()
EMPTY = {"authorization": "Basic Og=="}
"""What skopeo and podman send without a login."""


@pytest.fixture
def held(registry: Registry) -> Registry:
    public(registry).create_repository(repositoryName=NAME)
    hold(registry, TREE, "v1")
    return registry


@pytest.fixture(params=["path", "host"])
def at(held: Registry, request: pytest.FixtureRequest) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody without a login, and the repository's name: on both kinds of host."""
    with held.anyone() as client:
        if request.param == "host":
            client.headers["host"] = PUBLIC_HOST
            yield client, f"{alias_of(held)}/{NAME}"
        else:
            yield client, path_of(held)


def pull(client: httpx.Client, name: str) -> None:
    """All that a client asks for."""
    assert client.get(f"/v2/{name}/manifests/v1").content == TREE.manifest
    assert client.head(f"/v2/{name}/manifests/{TREE.digest}").status_code == 200
    for child in TREE.children:
        assert client.get(f"/v2/{name}/manifests/{child.digest}").content == child.manifest
        for blob in child.blobs:
            assert client.head(f"/v2/{name}/blobs/{blob.digest}").status_code == 200
            assert client.get(f"/v2/{name}/blobs/{blob.digest}").content == blob.content
    assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["v1"]}
    assert client.get(f"/v2/{name}/referrers/{TREE.digest}").status_code == 200


def test_anybody_pulls(held: Registry, at: tuple[httpx.Client, str]) -> None:
    client, name = at
    pull(client, name)
    client.headers.update(EMPTY)
    pull(client, name)
    for key in (held.user("none"), held.user("mallory", account=OTHER)):
        client.headers["authorization"] = basic(held.token(key))
        pull(client, name)


def test_the_api_of_another_account_does_not_matter(held: Registry) -> None:
    """An account's own policies cannot keep anybody from what is everybody's."""
    denied = held.user("denied", allow("*", effect="Deny"))
    with held.anyone({"authorization": basic(held.token(denied))}) as client:
        pull(client, path_of(held))


def test_wrong_credentials_are_no_credentials(held: Registry, at: tuple[httpx.Client, str]) -> None:
    client, name = at
    client.headers["authorization"] = basic("wrong")
    assert client.get(f"/v2/{name}/manifests/v1").status_code == 401


def test_nobody_pushes_without_a_login(held: Registry, at: tuple[httpx.Client, str]) -> None:
    client, name = at
    with Unchanged(held):
        for headers in ({}, EMPTY):
            client.headers.update(headers)
            for method, path in (
                ("POST", f"/v2/{name}/blobs/uploads/"),
                ("PUT", f"/v2/{name}/manifests/v2"),
                ("DELETE", f"/v2/{name}/manifests/v1"),
                ("DELETE", f"/v2/{name}/blobs/{TREE.children[0].blobs[0].digest}"),
            ):
                assert client.request(method, path).status_code == 401, (method, path)


def test_who_may_push(held: Registry, at: tuple[httpx.Client, str]) -> None:
    client, name = at
    push = ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")
    writer = held.user("writer", allow(*(f"ecr-public:{each}" for each in push)))
    private = held.user("private", allow("ecr:*"))
    client.headers["authorization"] = basic(held.token(private))
    refused = client.post(f"/v2/{name}/blobs/uploads/")
    assert refused.status_code == 403
    (error,) = refused.json()["errors"]
    assert "ecr-public:InitiateLayerUpload on resource: arn:aws:ecr-public::" in error["message"]
    client.headers["authorization"] = basic(held.token(writer))
    images.push(client, name, image("new"), "new")
    location = client.post(f"/v2/{name}/blobs/uploads/").headers["location"]
    assert location.startswith(f"/v2/{name}/blobs/uploads/")
    assert client.delete(f"/v2/{name}/manifests/new").status_code == 403
    assert client.get(f"/v2/{name}/manifests/new").content == image("new").manifest


def test_layers_are_mounted_within_the_registry(
    held: Registry, at: tuple[httpx.Client, str]
) -> None:
    client, name = at
    public(held).create_repository(repositoryName="tools/other")
    target = name.removesuffix(NAME) + "tools/other"
    digest = TREE.children[0].blobs[0].digest
    client.headers["authorization"] = basic(held.token())
    held.create("team/app")
    held.hold("team/app", image("private"))
    private = image("private").blobs[1].digest
    answer = client.post(f"/v2/{target}/blobs/uploads/?mount={digest}&from={name}")
    assert answer.status_code == 201
    answer = client.post(f"/v2/{target}/blobs/uploads/?mount={private}&from=team/app")
    assert answer.status_code == 202  # a private layer does not become public by its digest


def test_a_policy_can_take_it_back(held: Registry) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "ecr-public:BatchGetImage",
    }]})  # fmt: skip
    public(held).set_repository_policy(repositoryName=NAME, policyText=text)
    with held.anyone() as client:
        assert client.get(f"/v2/{path_of(held)}/manifests/v1").status_code == 401
        assert NAME not in client.get("/gallery").text


def test_what_is_not_there(held: Registry) -> None:
    alias = alias_of(held)
    with held.anyone() as client:
        answer = client.get(f"/v2/public/{alias}/tools/none/manifests/v1")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
        assert client.get("/v2/public/nobodys/app/manifests/v1").status_code == 401  # private
        client.headers["host"] = PUBLIC_HOST
        assert client.get("/v2/nobodys/app/manifests/v1").status_code == 404
        assert client.get(f"/v2/{alias}/manifests/v1").status_code == 404
        client.headers["authorization"] = basic(held.token())
        held.create("team/app")
        assert client.get("/v2/team/app/manifests/v1").status_code == 404
        assert client.get("/v2/team/app/tags/list").status_code == 404


def test_a_push_creates_no_public_repository(open_one: object) -> None:
    assert callable(open_one)
    registry: Registry = open_one(create_on_push=True)
    public(registry).create_repository(repositoryName=NAME)
    with registry.http() as client:
        path = f"/v2/public/{alias_of(registry)}/tools/new/blobs/uploads/"
        assert client.post(path).status_code == 404
        assert client.post("/v2/team/new/blobs/uploads/").status_code == 202


def token(client: httpx.Client, authorization: str | None = None) -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization}
    return client.get("/token/?service=public&scope=aws", headers=headers)


def test_docker_gets_in_by_a_token(held: Registry) -> None:
    alias = alias_of(held)
    with held.anyone({"host": PUBLIC_HOST}) as client:
        asked = client.get("/v2/")
        assert asked.status_code == 401
        realm = f'Bearer realm="http://{PUBLIC_HOST}/token/",service="public",scope="aws"'
        assert asked.headers["www-authenticate"] == realm
        nobody = token(client).json()["token"]
        client.headers["authorization"] = f"Bearer {nobody}"
        assert client.get("/v2/").status_code == 200
        pull(client, f"{alias}/{NAME}")
        assert client.post(f"/v2/{alias}/{NAME}/blobs/uploads/").status_code == 401
        assert client.get("/v2/_catalog").status_code == 401
        mine = token(client, basic(held.token())).json()["token"]
        client.headers["authorization"] = f"Bearer {mine}"
        images.push(client, f"{alias}/{NAME}", image("pushed"), "pushed")


def test_a_token_is_given_for_a_good_password_alone(held: Registry) -> None:
    with held.anyone({"host": PUBLIC_HOST}) as client:
        for wrong in (basic("wrong"), basic(held.token(), "root"), "Bearer x", "Basic", "x"):
            assert token(client, wrong).status_code == 401, wrong
        ended = held.user("ended", allow("*"))
        password = held.token(ended)
        held.set_user_active(ended, active=False)
        assert token(client, basic(password)).status_code == 401
        assert client.post("/token/").status_code == 405
        assert client.get("/token/").headers["cache-control"] == "no-store"
        assert client.get("/token/x").status_code == 404
        assert client.get("/token/", headers={"host": HOST}).status_code == 404
        doubled = [("authorization", basic(held.token()))] * 2
        assert client.get("/token/", headers=doubled).status_code == 401


def test_elsewhere_no_bearer_token_is_taken(held: Registry) -> None:
    held.create("team/app")
    held.hold("team/app", TREE, "v1")
    for value in (f"Bearer {NOBODY}", f"Bearer {held.token()}"):
        with held.anyone({"authorization": value}) as client:
            asked = client.get("/v2/")
            assert asked.status_code == 401
            assert asked.headers["www-authenticate"].startswith("Basic ")
            assert client.get("/v2/team/app/manifests/v1").status_code == 401
    with held.anyone(EMPTY) as client:
        assert client.get("/v2/").status_code == 401
        assert client.get("/v2/team/app/manifests/v1").status_code == 401
        assert client.get("/v2/_catalog").status_code == 401


def test_a_host_of_ones_own(open_one: object) -> None:
    assert callable(open_one)
    registry: Registry = open_one(custom_domains="images.example.com=public")
    made = public(registry).create_repository(repositoryName=NAME)["repository"]
    assert made["repositoryUri"] == f"images.example.com:5000/{alias_of(registry)}/{NAME}"
    with registry.anyone({"host": "images.example.com:5000"}) as client:
        assert "Bearer" in client.get("/v2/").headers["www-authenticate"]


def test_the_audit_log_has_public_pulls(held: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Event] = []
    monkeypatch.setattr(held.ground.audit, "record", seen.append)
    again = held.over(held.ground.storage)
    with again.anyone() as client:
        client.get(f"/v2/{path_of(held)}/manifests/v1")
    (event,) = [each for each in seen if each.action == "ecr-public:BatchGetImage"]
    assert event.resource == f"arn:aws:ecr-public::{ACCOUNT}:repository/{NAME}"
    assert event.identity is None


def test_the_token_of_ecr_public_logs_in(held: Registry) -> None:
    data = public(held).get_authorization_token()["authorizationData"]
    password = base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]
    with held.anyone({"authorization": basic(password), "host": HOST}) as client:
        images.push(client, path_of(held), image("x"), "x")
