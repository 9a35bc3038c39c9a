"""Catalog data, registries' names, policies, resource tags and tokens of ECR Public."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest

from tests.application import ACCOUNT, HOST, Registry, allow
from tests.ecr.calls import missing, refusal
from tests.ecrpublic.calls import ARN, NAME, alias_of, public
from tests.identities import OTHER

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
DATA = {
    "description": "Says hello",
    "architectures": ["x86-64", "ARM 64", "z80"],
    "operatingSystems": ["Linux"],
    "aboutText": "# About",
    "usageText": "run it",
}


@pytest.fixture
def held(registry: Registry) -> Registry:
    public(registry).create_repository(repositoryName=NAME)
    return registry


def test_catalog_data(held: Registry) -> None:
    ecr = public(held)
    code, message = refusal(lambda: ecr.get_repository_catalog_data(repositoryName=NAME))
    assert code == "RepositoryCatalogDataNotFoundException"
    assert NAME in message
    shown = {**DATA, "marketplaceCertified": False}
    put = ecr.put_repository_catalog_data(repositoryName=NAME, catalogData=DATA)
    assert put["catalogData"] == shown
    logo = {"description": "new", "logoImageBlob": PNG}
    put = ecr.put_repository_catalog_data(repositoryName=NAME, catalogData=logo)["catalogData"]
    url = f"http://{HOST}/gallery/logo/{alias_of(held)}/{NAME}"
    assert put == {"description": "new", "logoUrl": url, "marketplaceCertified": False}
    again = ecr.put_repository_catalog_data(repositoryName=NAME, catalogData=DATA)
    assert again["catalogData"] == {**shown, "logoUrl": url}  # the logo stays
    assert ecr.get_repository_catalog_data(repositoryName=NAME) | {"ResponseMetadata": 0} == {
        "catalogData": {**shown, "logoUrl": url},
        "ResponseMetadata": 0,
    }
    with held.anyone() as anyone:
        answer = anyone.get(url)
        assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")


def test_catalog_data_given_at_once(registry: Registry) -> None:
    made = public(registry).create_repository(
        repositoryName=NAME, catalogData={**DATA, "logoImageBlob": PNG}
    )["catalogData"]
    assert made["description"] == "Says hello"
    assert made["logoUrl"].endswith(f"/{alias_of(registry)}/{NAME}")


def test_catalog_data_that_is_refused(held: Registry) -> None:
    ecr = public(held)
    put = partial(ecr.put_repository_catalog_data, repositoryName=NAME)
    for wrong in ({"logoImageBlob": b"<svg/>"}, {"description": "x" * 1025}):
        code, message = refusal(partial(put, catalogData=wrong))
        assert code == "InvalidParameterException"
        assert next(iter(wrong)) in message
    assert refusal(lambda: ecr.get_repository_catalog_data(repositoryName="tools/none")) == missing(
        "tools/none"
    )
    stranger = public(held, held.user("stranger", allow("ecr:*")))
    for call in (
        partial(stranger.put_repository_catalog_data, repositoryName=NAME, catalogData=DATA),
        partial(stranger.get_repository_catalog_data, repositoryName=NAME),
        stranger.get_registry_catalog_data,
        partial(stranger.put_registry_catalog_data, displayName="x"),
    ):
        assert refusal(call)[0] == "AccessDeniedException"
    assert held.rows()["catalog_data"] == []


def test_the_registrys_name(held: Registry) -> None:
    ecr = public(held)
    assert ecr.get_registry_catalog_data()["registryCatalogData"] == {"displayName": ""}
    for name in ("Acme", "Acme & Sons"):
        answer = ecr.put_registry_catalog_data(displayName=name)
        assert answer["registryCatalogData"] == {"displayName": name}
        assert ecr.get_registry_catalog_data()["registryCatalogData"] == {"displayName": name}
    theirs = public(held, held.user("mallory", allow("*"), account=OTHER))
    assert theirs.get_registry_catalog_data()["registryCatalogData"] == {"displayName": ""}
    code, _ = refusal(lambda: ecr.put_registry_catalog_data(displayName="x" * 101))
    assert code == "InvalidParameterException"


def statement(*actions: str, principal: str, effect: str = "Allow") -> str:
    given = {"Effect": effect, "Principal": {"AWS": principal}, "Action": list(actions)}
    return json.dumps({"Version": "2012-10-17", "Statement": [given]})


def test_a_policy_lets_another_account_push(held: Registry) -> None:
    ecr = public(held)
    begin = partial(
        public(held, held.user("mallory", allow("*"), account=OTHER)).initiate_layer_upload,
        repositoryName=NAME,
        registryId=ACCOUNT,
    )
    assert refusal(begin)[0] == "AccessDeniedException"
    text = statement("ecr-public:InitiateLayerUpload", principal=OTHER)
    answer = ecr.set_repository_policy(repositoryName=NAME, policyText=text)
    assert (answer["policyText"], answer["registryId"]) == (text, ACCOUNT)
    assert begin()["uploadId"]
    assert ecr.get_repository_policy(repositoryName=NAME)["policyText"] == text
    assert ecr.delete_repository_policy(repositoryName=NAME)["policyText"] == text
    assert refusal(begin)[0] == "AccessDeniedException"
    for call in (ecr.get_repository_policy, ecr.delete_repository_policy):
        assert refusal(partial(call, repositoryName=NAME))[0] == "RepositoryPolicyNotFoundException"


def test_a_policy_that_locks_its_author_out(held: Registry) -> None:
    ecr = public(held)
    text = statement("ecr-public:SetRepositoryPolicy", principal="*", effect="Deny")
    put = partial(ecr.set_repository_policy, repositoryName=NAME, policyText=text)
    code, message = refusal(put)
    assert code == "InvalidParameterException"
    assert "use force" in message
    put(force=True)
    assert refusal(put)[0] == "AccessDeniedException"
    no_policy = partial(ecr.set_repository_policy, repositoryName=NAME, policyText="{}", force=True)
    ecr.create_repository(repositoryName="tools/other")
    assert refusal(partial(no_policy, repositoryName="tools/other"))[0] == (
        "InvalidParameterException"
    )


def test_resource_tags(held: Registry) -> None:
    ecr = public(held)
    ecr.tag_resource(resourceArn=ARN, tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    ecr.untag_resource(resourceArn=ARN, tagKeys=["a", "none"])
    tags = ecr.list_tags_for_resource(resourceArn=ARN)["tags"]
    assert tags == [{"Key": "b", "Value": ""}]
    private = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{NAME}"
    for arn in (private, f"arn:aws:ecr::{ACCOUNT}:repository/{NAME}", "x"):
        code, message = refusal(partial(ecr.list_tags_for_resource, resourceArn=arn))
        assert code == "InvalidParameterException"
        assert "public repository" in message
    more = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(partial(ecr.tag_resource, resourceArn=ARN, tags=more))[0] == (
        "TooManyTagsException"
    )
    only = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "ecr-public:ListTagsForResource", "Resource": "*",
        "Condition": {"StringEquals": {"ecr-public:ResourceTag/b": ""}},
    }]})  # fmt: skip
    reader = public(held, held.user("reader", only))
    assert reader.list_tags_for_resource(resourceArn=ARN)["tags"]
    assert refusal(partial(reader.untag_resource, resourceArn=ARN, tagKeys=["b"]))[0] == (
        "AccessDeniedException"
    )


@pytest.mark.parametrize("arn", [ARN, f"arn:aws:ecr::{ACCOUNT}:repository/{NAME}"])
def test_ecr_itself_has_no_hand_in_it(held: Registry, arn: str) -> None:
    ecr: Any = held.ecr()
    for call in (
        partial(ecr.list_tags_for_resource, resourceArn=arn),
        partial(ecr.tag_resource, resourceArn=arn, tags=[{"Key": "a", "Value": "1"}]),
    ):
        assert refusal(call)[0] == "InvalidParameterException"


def test_a_token(held: Registry) -> None:
    data = public(held).get_authorization_token()["authorizationData"]
    name, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert name == "AWS"
    with held.anyone({"authorization": f"Basic {data['authorizationToken']}"}) as docker:
        assert docker.get("/v2/").status_code == 200
    assert password
    for allowed in ("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"):
        key = held.user(allowed.partition(":")[2], allow(allowed))
        code, _ = refusal(public(held, key).get_authorization_token)
        assert code == "AccessDeniedException"
