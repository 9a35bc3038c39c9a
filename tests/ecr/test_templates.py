"""Repository creation templates: kept, changed, and what a push makes by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry, allow, on
from tests.ecr.calls import refusal

PUSH: Any = ["CREATE_ON_PUSH"]
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "ecr:DeleteRepository"}],
    }
)


def whole(registry: Registry) -> dict[str, Any]:
    """Every member that a template may have."""
    key = registry.ground.keys.create("ours")
    return {
        "description": "for the team",
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key.arn},
        "resourceTags": [{"Key": "team", "Value": "blue"}],
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev-*"}],
        "repositoryPolicy": POLICY,
        "appliedFor": ["PULL_THROUGH_CACHE", "CREATE_ON_PUSH"],
        "customRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecr",
    }


def members(template: Any) -> dict[str, Any]:
    """A template without its times."""
    assert isinstance(template["createdAt"], datetime)
    assert template["updatedAt"] >= template["createdAt"]
    return {name: value for name, value in template.items() if not name.endswith("At")}


def prefixes(answer: Any) -> list[str]:
    return [each["prefix"] for each in answer["repositoryCreationTemplates"]]


class TestKept:
    def test_what_was_given_and_the_defaults(self, registry: Registry) -> None:
        ecr, given = registry.ecr(), whole(registry)
        made = ecr.create_repository_creation_template(prefix="team", **given)
        assert made["registryId"] == ACCOUNT
        assert members(made["repositoryCreationTemplate"]) == {"prefix": "team", **given}
        plain = ecr.create_repository_creation_template(prefix="ROOT", appliedFor=PUSH)
        assert members(plain["repositoryCreationTemplate"]) == {
            "prefix": "ROOT",
            "description": "",
            "encryptionConfiguration": {"encryptionType": "AES256"},
            "resourceTags": [],
            "imageTagMutability": "MUTABLE",
            "appliedFor": PUSH,
        }
        told = ecr.describe_repository_creation_templates(prefixes=["team/", "none"])
        assert told["repositoryCreationTemplates"] == [made["repositoryCreationTemplate"]]
        gone = ecr.delete_repository_creation_template(prefix="team/")
        assert gone["repositoryCreationTemplate"] == made["repositoryCreationTemplate"]
        assert prefixes(ecr.describe_repository_creation_templates()) == ["ROOT"]

    def test_an_update_keeps_what_it_does_not_name(self, registry: Registry) -> None:
        ecr, given = registry.ecr(), whole(registry)
        ecr.create_repository_creation_template(prefix="team", **given)
        for change in (
            {"description": "", "repositoryPolicy": "", "resourceTags": []},
            {"imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "x"}]},
            {"imageTagMutability": "IMMUTABLE"},
        ):
            given |= change
            if "imageTagMutability" in change:
                del given["imageTagMutabilityExclusionFilters"]
            new = ecr.update_repository_creation_template(prefix="team", **change)
            assert members(new["repositoryCreationTemplate"]) == {"prefix": "team", **given}

    def test_pages(self, registry: Registry) -> None:
        ecr = registry.ecr()
        for prefix in ("cc", "aa", "dd", "bb"):
            ecr.create_repository_creation_template(prefix=prefix, appliedFor=PUSH)
        first = ecr.describe_repository_creation_templates(maxResults=2)
        ecr.delete_repository_creation_template(prefix="bb")
        second = ecr.describe_repository_creation_templates(nextToken=first["nextToken"])
        assert prefixes(first) + prefixes(second) == ["aa", "bb", "cc", "dd"]
        assert "nextToken" not in second
        ada = registry.ecr(registry.user("ada", allow("*")))
        code, message = refusal(
            lambda: ada.describe_repository_creation_templates(nextToken=first["nextToken"])
        )
        assert (code, "nextToken" in message) == ("InvalidParameterException", True)

    def test_what_exists_or_does_not(self, registry: Registry) -> None:
        ecr = registry.ecr()
        ecr.create_repository_creation_template(prefix="team", appliedFor=PUSH)
        again = refusal(
            lambda: ecr.create_repository_creation_template(prefix="team/", appliedFor=PUSH)
        )
        assert (again[0], "'team'" in again[1]) == ("TemplateAlreadyExistsException", True)
        for call in (
            lambda: ecr.update_repository_creation_template(prefix="none"),
            lambda: ecr.delete_repository_creation_template(prefix="none"),
        ):
            code, message = refusal(call)
            assert (code, "'none'" in message) == ("TemplateNotFoundException", True)

    @pytest.mark.parametrize(
        ("given", "code", "named"),
        [
            ({"prefix": "Team"}, "InvalidParameterException", "prefix"),
            ({"appliedFor": ["SOMETIMES"]}, "InvalidParameterException", "appliedFor"),
            ({"repositoryPolicy": "{"}, "InvalidParameterException", "PolicyText"),
            ({"lifecyclePolicy": "{}"}, "InvalidParameterException", "LifecyclePolicyText"),
            (
                {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
                "InvalidParameterException",
                "ExclusionFilters",
            ),
            (
                {"resourceTags": [{"Key": "aws:a", "Value": ""}]},
                "InvalidTagParameterException",
                "aws:a",
            ),
            (
                {
                    "encryptionConfiguration": {
                        "encryptionType": "KMS",
                        "kmsKey": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/none",
                    }
                },
                "InvalidParameterException",
                "encryptionConfiguration",
            ),
        ],
    )
    def test_what_no_repository_could_be_given(
        self, registry: Registry, given: dict[str, Any], code: str, named: str
    ) -> None:
        ecr = registry.ecr()
        ecr.create_repository_creation_template(prefix="old", appliedFor=PUSH)
        before = registry.stored()
        new = {"prefix": "new", "appliedFor": PUSH} | given
        calls: list[Callable[[], object]] = [
            lambda: ecr.create_repository_creation_template(**new),
            lambda: ecr.update_repository_creation_template(**{"prefix": "old"} | given),
        ]
        for call in calls:
            found = refusal(call)
            assert (found[0], named in found[1]) == (code, True)
        assert registry.stored() == before


class TestOnPush:
    @pytest.fixture
    def creating(self, open_one: OpenRegistry) -> Registry:
        return open_one(create_on_push=True)

    def push(self, registry: Registry, name: str) -> Any:
        with registry.http() as docker:
            assert docker.post(f"/v2/{name}/blobs/uploads/").status_code == 202
        (made,) = registry.ecr().describe_repositories(repositoryNames=[name])["repositories"]
        return made

    def test_a_repository_gets_what_its_template_says(self, creating: Registry) -> None:
        ecr, given = creating.ecr(), whole(creating)
        ecr.create_repository_creation_template(prefix="team", **given)
        made = self.push(creating, "team/app")
        for name in (
            "encryptionConfiguration",
            "imageTagMutability",
            "imageTagMutabilityExclusionFilters",
        ):
            assert made[name] == given[name]
        tags = ecr.list_tags_for_resource(resourceArn=on("team/app"))["tags"]
        assert tags == given["resourceTags"]
        assert ecr.get_repository_policy(repositoryName="team/app")["policyText"] == POLICY
        code, _ = refusal(lambda: ecr.delete_repository(repositoryName="team/app"))
        assert code == "AccessDeniedException"
        # What it says of others leaves those that are there alone.
        assert self.push(creating, "team/app") == made

    @pytest.mark.parametrize(
        ("name", "chosen"),
        [
            ("team/app/web", "team/app"),
            ("team/app", "team"),
            ("team/apple/x", "team"),
            ("teams/x", "ROOT"),
            ("team", "ROOT"),
            ("pull/x", "ROOT"),
        ],
    )
    def test_the_longest_prefix_counts(self, creating: Registry, name: str, chosen: str) -> None:
        ecr = creating.ecr()
        for prefix in ("ROOT", "team", "team/app/"):
            tags = [{"Key": "by", "Value": prefix.removesuffix("/")}]
            ecr.create_repository_creation_template(
                prefix=prefix,
                appliedFor=PUSH,
                resourceTags=tags,  # type: ignore[arg-type]  # a list of any dict
            )
        ecr.create_repository_creation_template(prefix="pull", appliedFor=["PULL_THROUGH_CACHE"])
        self.push(creating, name)
        assert creating.repositories.get(SCOPE, name).resource_tags == (("by", chosen),)

    def test_without_a_template(self, creating: Registry) -> None:
        assert self.push(creating, "team/app")["imageTagMutability"] == "MUTABLE"

    def test_a_key_that_has_ended_fails_the_push(self, creating: Registry) -> None:
        given = whole(creating)
        creating.ecr().create_repository_creation_template(prefix="team", **given)
        key_id = given["encryptionConfiguration"]["kmsKey"].rpartition("/")[2]
        creating.ground.keys.disable(key_id)
        with creating.http() as docker:
            answer = docker.post("/v2/team/app/blobs/uploads/")
        assert answer.status_code == 403
        assert creating.rows()["repositories"] == []

    def test_a_server_that_creates_nothing(self, registry: Registry) -> None:
        registry.ecr().create_repository_creation_template(prefix="ROOT", appliedFor=PUSH)
        with registry.http() as docker:
            assert docker.post("/v2/team/app/blobs/uploads/").status_code == 404


def test_who_may_not(registry: Registry) -> None:
    ecr = registry.ecr(registry.user("ada", allow("ecr:*", resource=on("*"))))
    for action, call in (
        (
            "CreateRepositoryCreationTemplate",
            lambda: ecr.create_repository_creation_template(prefix="aa", appliedFor=PUSH),
        ),
        (
            "UpdateRepositoryCreationTemplate",
            lambda: ecr.update_repository_creation_template(prefix="aa"),
        ),
        (
            "DeleteRepositoryCreationTemplate",
            lambda: ecr.delete_repository_creation_template(prefix="aa"),
        ),
        ("DescribeRepositoryCreationTemplates", ecr.describe_repository_creation_templates),
    ):
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource: *" in message
