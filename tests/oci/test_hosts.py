"""The Host header chooses account and region, and nothing else of a request does."""

from __future__ import annotations

import base64

import pytest

from registry.domain.identities.accounts import Accounts
from registry.values.scope import Scope
from tests.application import ACCOUNT, OpenRegistry, Registry, allow, basic
from tests.identities import OTHER
from tests.images import layer, oci_image, push

ONE, TWO = oci_image(layer({"a": b"one"})), oci_image(layer({"a": b"two"}))
THERE = f"{OTHER}.dkr.ecr.eu-west-1.localhost:5000"
HERE = f"{ACCOUNT}.dkr.ecr.us-east-1.localhost:5000"
CUSTOM = "images.example.com:5000"


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    return open_one(regions="eu-west-1", custom_domains=f"images.example.com={OTHER}/eu-west-1")


def test_the_same_name_in_two_registries(registry: Registry) -> None:
    bob = registry.user("bob", allow("*"), account=OTHER)
    registry.create("team/app")
    registry.repositories.create(Scope(OTHER, "eu-west-1"), "team/app")
    with registry.http() as ours, registry.http(bob) as theirs:
        theirs.headers["host"] = THERE
        push(ours, "team/app", ONE, "v1")
        push(theirs, "team/app", TWO, "v1")
        path = "/v2/team/app/manifests/v1"
        assert ours.get(path, headers={"host": HERE}).content == ONE.manifest
        assert theirs.get(path, headers={"host": CUSTOM}).content == TWO.manifest
        assert ours.get(path, headers={"host": THERE}).status_code == 403
        assert theirs.get(path, headers={"host": HERE}).status_code == 403
        assert theirs.get(path, headers={"host": "localhost"}).status_code == 403
        blob = f"/v2/team/app/blobs/{ONE.blobs[0].digest}"
        assert theirs.get(blob).status_code == 404


def test_a_blob_is_not_mounted_from_another_account(registry: Registry) -> None:
    bob = registry.user("bob", allow("*"), account=OTHER)
    registry.create("team/app")
    registry.hold("team/app", ONE, "v1")
    registry.repositories.create(Scope(OTHER, "eu-west-1"), "mine")
    digest = ONE.blobs[0].digest
    with registry.http(bob) as theirs:
        theirs.headers["host"] = THERE
        for source in ("team/app", "mine"):
            answer = theirs.post(f"/v2/mine/blobs/uploads/?mount={digest}&from={source}")
            assert answer.status_code == 202
        answer = theirs.post(f"/v2/mine/blobs/uploads/?mount={digest}")
        assert answer.status_code == 202


def test_an_upload_is_found_in_its_own_registry_only(registry: Registry) -> None:
    registry.create("team/app")
    registry.repositories.create(Scope(ACCOUNT, "eu-west-1"), "team/app")
    elsewhere = {"host": f"{ACCOUNT}.dkr.ecr.eu-west-1.localhost:5000"}
    with registry.http() as client:
        location = client.post("/v2/team/app/blobs/uploads/").headers["location"]
        assert client.get(location).status_code == 204
        assert client.get(location, headers=elsewhere).status_code == 404


def test_the_proxy_endpoint_of_a_token_leads_to_its_account(registry: Registry) -> None:
    accounts = Accounts(registry.ground.database, registry.ground.secrets)
    key = accounts.bootstrap(OTHER, lambda _key: None)
    assert key is not None
    found = registry.key(key.id)
    (data,) = registry.ecr(found).get_authorization_token()["authorizationData"]
    assert data["proxyEndpoint"] == f"http://{OTHER}.dkr.ecr.us-east-1.localhost:5000"
    both = registry.ecr().get_authorization_token(registryIds=[ACCOUNT, OTHER])
    ends = [each["proxyEndpoint"] for each in both["authorizationData"]]
    assert ends == [
        "http://registry.test:5000",
        f"http://{OTHER}.dkr.ecr.us-east-1.localhost:5000",
    ]
    password = base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]
    with registry.anyone({"authorization": basic(password)}) as docker:
        assert docker.get("/v2/", headers={"host": THERE}).status_code == 200


@pytest.mark.parametrize("name", ["x-forwarded-host", "forwarded", "x-host", "x-original-host"])
def test_no_other_header_chooses(registry: Registry, name: str) -> None:
    registry.create("team/app")
    value = f"host={THERE}" if name == "forwarded" else THERE
    with registry.http() as client:
        answer = client.get("/v2/_catalog", headers={name: value})
    assert answer.json() == {"repositories": ["team/app"]}
