"""Public repositories: made, described, deleted, and what their registry is called."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from registry.domain.public.registries import ALIASES_MAX, PublicRegistries
from registry.values.errors import ParameterInvalid
from registry.values.publishing import AliasTaken
from tests.application import ACCOUNT, HOST, Registry, allow
from tests.ecr.calls import image, missing, refusal
from tests.ecrpublic.calls import ARN, NAME, PUBLIC, alias_of, hold, public
from tests.identities import OTHER


def registries(registry: Registry) -> PublicRegistries:
    return PublicRegistries(registry.ground.database, registry.ground.cache)


def test_the_first_repository_gives_the_registry_an_alias(registry: Registry) -> None:
    ecr = public(registry)
    (before,) = ecr.describe_registries()["registries"]
    assert before == {
        "registryId": ACCOUNT,
        "registryArn": f"arn:aws:ecr-public::{ACCOUNT}:registry/{ACCOUNT}",
        "registryUri": "",
        "verified": False,
        "aliases": [],
    }
    made = ecr.create_repository(repositoryName=NAME)
    assert made["catalogData"] == {}
    alias = alias_of(registry)
    assert re.fullmatch("[a-z][a-z0-9]{7}", alias)
    repository = made["repository"]
    assert repository["repositoryUri"] == f"{HOST}/public/{alias}/{NAME}"
    assert repository["repositoryArn"] == ARN
    assert repository["registryId"] == ACCOUNT
    ecr.create_repository(repositoryName="tools/other")
    (after,) = ecr.describe_registries()["registries"]
    assert after["registryUri"] == f"{HOST}/public/{alias}"
    assert after["aliases"] == [
        {
            "name": alias,
            "status": "ACTIVE",
            "primaryRegistryAlias": True,
            "defaultRegistryAlias": True,
        }
    ]


def test_it_is_no_private_repository(registry: Registry) -> None:
    public(registry).create_repository(repositoryName=NAME)
    assert refusal(partial(registry.ecr().describe_repositories, repositoryNames=[NAME])) == (
        missing(NAME)
    )
    registry.create(NAME)  # another one of the same name
    described = public(registry).describe_repositories()["repositories"]
    assert [each["repositoryArn"] for each in described] == [ARN]
    with registry.http() as docker:
        assert docker.get("/v2/_catalog").json() == {"repositories": [NAME]}


def test_pages(registry: Registry) -> None:
    ecr = public(registry)
    names = [f"tools/r{number}" for number in range(5)]
    for name in reversed(names):
        ecr.create_repository(repositoryName=name)
    first = ecr.describe_repositories(maxResults=2)
    ecr.delete_repository(repositoryName=names[1])
    pages = [first, ecr.describe_repositories(nextToken=first["nextToken"])]
    assert [each["repositoryName"] for page in pages for each in page["repositories"]] == names
    code, _ = refusal(lambda: ecr.describe_repositories(repositoryNames=names, maxResults=1))
    assert code == "InvalidParameterException"
    shown = ecr.describe_repositories(repositoryNames=names[2:4])["repositories"]
    assert [each["repositoryName"] for each in shown] == names[2:4]


def test_deleted_when_it_is_empty_or_with_force(registry: Registry) -> None:
    ecr = public(registry)
    ecr.create_repository(repositoryName=NAME)
    hold(registry, image(), "v1")
    code, _ = refusal(lambda: ecr.delete_repository(repositoryName=NAME))
    assert code == "RepositoryNotEmptyException"
    gone = ecr.delete_repository(repositoryName=NAME, force=True)["repository"]
    assert gone["repositoryName"] == NAME
    assert refusal(lambda: ecr.delete_repository(repositoryName=NAME)) == missing(NAME)


def test_what_is_refused(registry: Registry) -> None:
    ecr = public(registry)
    ecr.create_repository(repositoryName=NAME)
    code, message = refusal(lambda: ecr.create_repository(repositoryName=NAME))
    assert code == "RepositoryAlreadyExistsException"
    assert NAME in message
    code, message = refusal(lambda: ecr.create_repository(repositoryName="Tools"))
    assert code == "InvalidParameterException"
    assert message.startswith(
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy"
    )
    code, _ = refusal(lambda: ecr.create_repository(repositoryName="a" * 206))
    assert code == "InvalidParameterException"
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    code, _ = refusal(lambda: ecr.create_repository(repositoryName="tools/tags", tags=tags))
    assert code == "TooManyTagsException"
    code, _ = refusal(lambda: ecr.initiate_layer_upload(registryId="nobodys", repositoryName=NAME))
    assert code == "RegistryNotFoundException"
    code, _ = refusal(lambda: ecr.describe_repositories(nextToken="x"))
    assert code == "InvalidParameterException"


def test_one_that_cannot_be_made_leaves_nothing(registry: Registry) -> None:
    code, message = refusal(
        lambda: public(registry).create_repository(
            repositoryName=NAME, catalogData={"logoImageBlob": b"<svg/>"}
        )
    )
    assert code == "InvalidParameterException"
    assert "logoImageBlob" in message
    rows = registry.rows()
    assert rows["repositories"] == rows["public_aliases"] == rows["catalog_data"] == []


def test_who_may(registry: Registry) -> None:
    public(registry).create_repository(repositoryName=NAME)
    stranger = public(registry, registry.user("stranger", allow("ecr:*")))
    calls: list[Any] = [
        lambda: stranger.create_repository(repositoryName="tools/mine"),
        stranger.describe_repositories,
        lambda: stranger.delete_repository(repositoryName=NAME),
        stranger.describe_registries,
    ]
    for call in calls:
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert "ecr-public:" in message
    near = allow("ecr-public:DescribeRepositories", resource=ARN)
    reader = public(registry, registry.user("reader", near))
    assert reader.describe_repositories(repositoryNames=[NAME])["repositories"]
    theirs = public(registry, registry.user("mallory", allow("*"), account=OTHER))
    code, message = refusal(lambda: theirs.describe_repositories(registryId=ACCOUNT))
    assert code == "AccessDeniedException"
    assert "no resource-based policy allows" in message
    assert theirs.describe_repositories()["repositories"] == []


def test_an_alias_of_ones_own(registry: Registry) -> None:
    public(registry).create_repository(repositoryName=NAME)
    default = alias_of(registry)
    registries(registry).choose(ACCOUNT, "acme")
    (found,) = public(registry).describe_registries()["registries"]
    shown = [
        (each["name"], each["primaryRegistryAlias"], each["defaultRegistryAlias"])
        for each in found["aliases"]
    ]
    assert shown == [("acme", True, False), (default, False, True)]
    (repository,) = public(registry).describe_repositories()["repositories"]
    assert repository["repositoryUri"] == f"{HOST}/public/acme/{NAME}"
    assert registries(registry).account_of(default) == ACCOUNT


@pytest.mark.parametrize("name", ["", "a", "Acme", "1acme", "a--b", "a" * 51, "a/b", "acme\n"])
def test_what_no_alias_is(registry: Registry, name: str) -> None:
    with pytest.raises(ParameterInvalid, match="lower-case letters"):
        registries(registry).choose(ACCOUNT, name)


def test_an_alias_belongs_to_one(registry: Registry) -> None:
    made = registries(registry)
    made.choose(OTHER, "acme")
    with pytest.raises(AliasTaken):
        made.choose(ACCOUNT, "acme")
    for number in range(ALIASES_MAX):
        made.choose(ACCOUNT, f"ours{number}")
    with pytest.raises(ParameterInvalid, match="at most"):
        made.choose(ACCOUNT, "one-more")
    made.choose(ACCOUNT, "ours0")  # one that it has already
    assert made.alias(ACCOUNT) == "ours0"


def test_no_private_repository_is_hidden(registry: Registry) -> None:
    registry.create("public/acme/app")
    with pytest.raises(AliasTaken):
        registries(registry).choose(ACCOUNT, "acme")
    registries(registry).choose(ACCOUNT, "free")
    ecr = registry.ecr()
    code, message = refusal(lambda: ecr.create_repository(repositoryName="public/free/app"))
    assert code == "InvalidParameterException"
    assert "that is where a public registry is" in message
    ecr.create_repository(repositoryName="public/free")
    ecr.create_repository(repositoryName="public/other/app")
    public(registry).create_repository(repositoryName="public/free/app")
    assert registry.repositories.get(PUBLIC, "public/free/app").scope == PUBLIC
