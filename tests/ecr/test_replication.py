"""Replication between accounts and regions: what goes where, and what comes of it."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from registry.domain.replication.rules import applies, destinations
from registry.stores import replicator_of
from registry.values.scope import Scope
from tests import images
from tests.application import ACCOUNT, REGION, OpenRegistry, Registry, allow
from tests.domain.copying.places import check_pullable, content
from tests.ecr.calls import NAME, missing, refusal
from tests.ecr.replicating import (
    AP,
    EU,
    FIRST,
    INDEX,
    SECOND,
    THEIRS,
    configure,
    push,
    replicate,
    rule,
    statuses,
    there,
)
from tests.identities import OTHER


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    found = open_one(regions="eu-west-1,ap-south-1")
    found.create(NAME)
    return found


class TestRules:
    def test_which_repositories(self) -> None:
        assert applies({"destinations": []}, "any")
        two = {"repositoryFilters": [{"filter": "prod"}, {"filter": "team/"}]}
        names = ("prod", "product/x", "team/a", "team", "aprod")
        assert [applies(two, name) for name in names] == [
            True, True, True, False, False,
        ]  # fmt: skip

    def test_each_destination_once(self) -> None:
        rules = [rule(EU, AP), rule(EU, THEIRS, prefix="team", deletions=True)]
        assert destinations(rules, "team/app") == [EU, AP, THEIRS]
        assert destinations(rules, "other") == [EU, AP]
        assert destinations(rules, "team/app", deletions=True) == [EU, THEIRS]
        assert destinations(rules, "other", deletions=True) == []


class TestPushes:
    def test_to_every_destination_of_the_rules(self, registry: Registry) -> None:
        registry.create("other/app")
        configure(registry, rule(EU, AP, prefix="team/"))
        push(registry, INDEX, "v1")
        push(registry, FIRST, "v1", "other/app")
        here = ("IN_PROGRESS", None)
        assert statuses(registry, "v1") == {(ACCOUNT, EU.region): here, (ACCOUNT, AP.region): here}
        replicate(registry)
        done = ("COMPLETE", None)
        assert statuses(registry, "v1") == {(ACCOUNT, EU.region): done, (ACCOUNT, AP.region): done}
        assert statuses(registry, "v1", "other/app") == {}
        for scope in (EU, AP):
            check_pullable(registry, there(registry, scope), INDEX)
            assert content(registry, there(registry, scope))[INDEX.digest] == {"v1"}
            assert [each.name for each in registry.repositories.page(scope, "", 9)] == [NAME]
        assert replicate(registry) == 0

    def test_what_was_there_before_the_rule_stays(self, registry: Registry) -> None:
        push(registry, FIRST, "v1")
        configure(registry, rule(EU))
        assert replicate(registry) == 0
        assert statuses(registry, "v1") == {}
        push(registry, FIRST, "v2")
        replicate(registry)
        assert content(registry, there(registry))[FIRST.digest] == {"v1", "v2"}

    def test_by_put_image_and_a_copy_too(self, registry: Registry) -> None:
        push(registry, FIRST, "v1")
        configure(registry, rule(EU))
        registry.ecr().put_image(
            repositoryName=NAME, imageManifest=FIRST.text, imageTag="put",
            imageManifestMediaType=FIRST.media_type,
        )  # fmt: skip
        replicate(registry)
        assert content(registry, there(registry)) == {FIRST.digest: {"v1", "put"}}

    def test_it_is_counted(self, registry: Registry) -> None:
        configure(registry, rule(EU, Scope(ACCOUNT, "eu-north-1")))
        push(registry, FIRST, "v1")
        counted: list[str] = []
        replicator = replicator_of(
            registry.settings, registry.ground, registry.stores, counted.append
        )
        assert replicator.run(threading.Event()) == 2
        assert sorted(counted) == ["COMPLETE", "FAILED"]

    def test_the_same_again_is_no_work(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        assert replicate(registry) == 1
        push(registry, FIRST, "v1")
        assert replicate(registry) == 0

    def test_a_tag_that_moves_moves_there_too(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        for what in (FIRST, SECOND):
            push(registry, what, "latest")
        replicate(registry)
        assert content(registry, there(registry)) == {
            FIRST.digest: set(),
            SECOND.digest: {"latest"},
        }
        push(registry, FIRST, "latest")
        replicate(registry)
        assert content(registry, there(registry))[FIRST.digest] == {"latest"}

    def test_it_is_not_replicated_on(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        there_too = {"rules": [rule(AP), rule(Scope(ACCOUNT, REGION))]}
        registry.stores.registries.set_replication(EU, there_too)
        push(registry, FIRST, "v1")
        replicate(registry)
        assert replicate(registry) == 0
        assert registry.repositories.page(AP, "", 9) == []

    def test_it_counts_as_no_pull(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        replicate(registry)
        registry.ground.pulls.flush(everything=True)
        (detail,) = registry.ecr().describe_images(repositoryName=NAME)["imageDetails"]
        assert "lastRecordedPullTime" not in detail

    def test_a_push_that_is_refused_replicates_nothing(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        with registry.http() as docker:
            assert images.put_manifest(docker, NAME, FIRST, "v1").status_code == 400
        assert replicate(registry) == 0
        assert registry.rows()["replications"] == []

    def test_what_is_deleted_before_it_went(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
        replicate(registry)
        assert registry.repositories.page(EU, "", 9) == []
        assert registry.rows()["replications"] == []


class TestTargets:
    def test_a_new_one_is_as_its_template_says(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        template = {
            "prefix": "team", "appliedFor": ["REPLICATION"], "imageTagMutability": "IMMUTABLE",
            "resourceTags": [{"Key": "from", "Value": "replication"}],
            "encryptionConfiguration": {"encryptionType": "KMS"},
        }  # fmt: skip
        registry.stores.templates.create(EU, template)
        push(registry, FIRST, "v1")
        replicate(registry)
        made = there(registry)
        assert (made.mutability, made.encryption_type) == ("IMMUTABLE", "KMS")
        assert dict(made.resource_tags) == {"from": "replication"}
        assert made.key_id != there(registry, Scope(ACCOUNT, REGION)).key_id
        check_pullable(registry, made, FIRST)

    def test_without_one_it_has_the_defaults(self, registry: Registry) -> None:
        registry.create("team/strict", mutability="IMMUTABLE", resource_tags={"a": "b"})
        configure(registry, rule(EU))
        push(registry, FIRST, "v1", "team/strict")
        replicate(registry)
        made = there(registry, name="team/strict")
        assert (made.mutability, made.resource_tags) == ("MUTABLE", ())

    def test_an_immutable_tag_stays(self, registry: Registry) -> None:
        target = registry.repositories.create(EU, NAME, mutability="IMMUTABLE")
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        replicate(registry)
        push(registry, SECOND, "v1")
        push(registry, SECOND, "v2")
        replicate(registry)
        assert statuses(registry, "v1") == {
            (ACCOUNT, EU.region): ("FAILED", "ImageTagAlreadyExists")
        }
        assert content(registry, target) == {FIRST.digest: {"v1"}, SECOND.digest: {"v2"}}

    def test_a_region_that_is_not_served(self, registry: Registry) -> None:
        configure(registry, rule(Scope(ACCOUNT, "eu-north-1")))
        push(registry, FIRST, "v1")
        replicate(registry)
        assert statuses(registry, "v1") == {
            (ACCOUNT, "eu-north-1"): ("FAILED", "DestinationNotServed")
        }


def let_in(registry: Registry, *actions: str, effect: str = "Allow") -> None:
    statement = {
        "Sid": "it", "Effect": effect, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": list(actions), "Resource": THEIRS.repository_arn("*"),
    }  # fmt: skip
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    registry.stores.registries.set_policy(THEIRS, text)


class TestOtherAccounts:
    @pytest.fixture(autouse=True)
    def configured(self, registry: Registry) -> None:
        registry.user("bob", allow("*"), account=OTHER)
        configure(registry, rule(THEIRS))

    def tried(self, registry: Registry, tag: str) -> Any:
        push(registry, FIRST, tag)
        replicate(registry)
        return statuses(registry, tag)[OTHER, REGION]

    def test_only_as_far_as_their_policy_allows(self, registry: Registry) -> None:
        assert self.tried(registry, "a") == ("FAILED", "AccessDenied")
        let_in(registry, "ecr:ReplicateImage")
        assert self.tried(registry, "b") == ("FAILED", "AccessDenied")
        assert registry.repositories.page(THEIRS, "", 9) == []
        registry.repositories.create(THEIRS, NAME)
        assert self.tried(registry, "c") == ("COMPLETE", None)
        assert content(registry, there(registry, THEIRS))[FIRST.digest] == {"a", "b", "c"}

    def test_a_new_repository(self, registry: Registry) -> None:
        let_in(registry, "ecr:ReplicateImage", "ecr:CreateRepository")
        assert self.tried(registry, "v1") == ("COMPLETE", None)
        check_pullable(registry, there(registry, THEIRS), FIRST)

    def test_their_repository_may_forbid_it(self, registry: Registry) -> None:
        let_in(registry, "ecr:ReplicateImage")
        target = registry.repositories.create(THEIRS, NAME)
        no = {"Effect": "Deny", "Principal": "*", "Action": "ecr:ReplicateImage"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [no]})
        registry.repositories.set_policy(target, text)
        assert self.tried(registry, "v1") == ("FAILED", "AccessDenied")
        assert content(registry, target) == {}


class TestStatus:
    def test_what_is_not_there(self, registry: Registry) -> None:
        ecr = registry.ecr()
        ask = ecr.describe_image_replication_status
        assert (
            refusal(lambda: ask(repositoryName="team/none", imageId={"imageTag": "x"})) == missing()
        )
        code, message = refusal(lambda: ask(repositoryName=NAME, imageId={"imageTag": "x"}))
        assert code == "ImageNotFoundException"
        assert f"within the repository with name '{NAME}'" in message
        code, message = refusal(lambda: ask(repositoryName=NAME, imageId={}))
        assert code == "InvalidParameterException"
        assert "tag and digest" in message

    def test_by_digest(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        answer = registry.ecr().describe_image_replication_status(
            repositoryName=NAME, imageId={"imageDigest": FIRST.digest}, registryId=ACCOUNT
        )
        assert answer["imageId"] == {"imageDigest": FIRST.digest}
        (status,) = answer["replicationStatuses"]
        assert status == {"region": EU.region, "registryId": ACCOUNT, "status": "IN_PROGRESS"}
