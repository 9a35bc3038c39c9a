"""What is set for a registry as a whole, and what its policy does to every repository."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.domain.scanning.rules import matches
from tests import images
from tests.application import ACCOUNT, REGION, Registry, allow, on
from tests.ecr.calls import NAME, image, refusal
from tests.identities import OTHER

HERE = {"host": f"{ACCOUNT}.dkr.ecr.{REGION}.localhost"}
WHOLE = image()


def policy(principal: Any, *actions: str, effect: str = "Allow", repository: str = "*") -> str:
    statement = {
        "Sid": "it",
        "Effect": effect,
        "Principal": principal,
        "Action": list(actions),
        "Resource": on(repository),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class TestPolicy:
    def test_kept_as_it_was_set(self, registry: Registry) -> None:
        ecr = registry.ecr()
        absent = (
            "RegistryPolicyNotFoundException",
            f"Registry policy does not exist in the registry with id '{ACCOUNT}'",
        )
        assert refusal(ecr.get_registry_policy) == absent
        assert refusal(ecr.delete_registry_policy) == absent
        for text in (policy("*", "ecr:*"), "\n " + policy({"AWS": OTHER}, "ecr:ReplicateImage")):
            put = ecr.put_registry_policy(policyText=text)
            got = ecr.get_registry_policy()
            assert put["policyText"] == got["policyText"] == text
            assert put["registryId"] == got["registryId"] == ACCOUNT
        assert ecr.delete_registry_policy()["policyText"] == text
        assert refusal(ecr.get_registry_policy) == absent

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", allow("ecr:*"), policy("*", "pull"), policy("*", *["a:b"] * 3000)]
    )
    def test_what_is_none_is_refused_and_not_kept(self, registry: Registry, text: str) -> None:
        ecr = registry.ecr()
        ecr.put_registry_policy(policyText=policy("*", "ecr:*"))
        before = registry.stored()
        code, message = refusal(lambda: ecr.put_registry_policy(policyText=text))
        assert (code, "olicyText" in message) == ("InvalidParameterException", True)
        assert registry.stored() == before

    def test_it_lets_another_account_into_every_repository_it_names(
        self, registry: Registry
    ) -> None:
        for name in (NAME, "other/app"):
            registry.create(name)
            registry.hold(name, WHOLE, "v1")
        bob = registry.user("bob", allow("ecr:*"), account=OTHER)
        registry.user("eve", allow("ecr:*"), account="999999999999")
        pull = policy({"AWS": OTHER}, "ecr:BatchGetImage", repository="team/*")
        with registry.http(bob) as docker:
            path = f"/v2/{NAME}/manifests/v1"
            assert docker.get(path, headers=HERE).status_code == 403
            registry.ecr().put_registry_policy(policyText=pull)
            assert docker.get(path, headers=HERE).content == WHOLE.manifest
            assert docker.get("/v2/other/app/manifests/v1", headers=HERE).status_code == 403
            registry.ecr().set_repository_policy(
                repositoryName=NAME, policyText=_plain(effect="Deny")
            )
            assert docker.get(path, headers=HERE).status_code == 403

    def test_it_forbids_where_a_repository_allows(self, registry: Registry) -> None:
        registry.create(NAME)
        registry.hold(NAME, WHOLE, "v1")
        ecr = registry.ecr()
        ecr.set_repository_policy(repositoryName=NAME, policyText=_plain())
        ada = registry.user("ada")
        with registry.http(ada) as docker:
            assert docker.get(f"/v2/{NAME}/manifests/v1").status_code == 200
            no = policy("*", "ecr:BatchGetImage", "ecr:CreateRepository", effect="Deny")
            ecr.put_registry_policy(policyText=no)
            assert docker.get(f"/v2/{NAME}/manifests/v1").status_code == 403
        code, message = refusal(lambda: ecr.create_repository(repositoryName="team/new"))
        assert code == "AccessDeniedException"
        assert message.endswith("with an explicit deny in a resource-based policy")
        # It can always be taken back: nothing that it names is the registry itself.
        ecr.put_registry_policy(policyText=policy("*", "ecr:*", effect="Deny"))
        ecr.delete_registry_policy()
        ecr.create_repository(repositoryName="team/new")

    def test_it_is_of_one_region_and_account(self, registry: Registry) -> None:
        registry.ecr().put_registry_policy(policyText=policy("*", "ecr:*", effect="Deny"))
        bob = registry.user("bob", allow("ecr:*"), account=OTHER)
        assert refusal(registry.ecr(bob).get_registry_policy)[0] == (
            "RegistryPolicyNotFoundException"
        )
        registry.ecr(bob).create_repository(repositoryName=NAME)


def _plain(effect: str = "Allow") -> str:
    """A repository's policy about pulls, for or against everyone."""
    statement = {"Effect": effect, "Principal": "*", "Action": "ecr:BatchGetImage"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


RULE: Any = {
    "destinations": [{"region": "eu-west-1", "registryId": ACCOUNT}],
    "repositoryFilters": [{"filter": "prod-", "filterType": "PREFIX_MATCH"}],
    "deleteReplication": {"enabled": True},
}


class TestReplication:
    def test_kept_and_shown(self, registry: Registry) -> None:
        ecr = registry.ecr()
        empty = ecr.describe_registry()
        assert empty["registryId"] == ACCOUNT
        assert empty["replicationConfiguration"] == {"rules": []}
        for rules in ([RULE], []):
            put = ecr.put_replication_configuration(replicationConfiguration={"rules": rules})
            assert put["replicationConfiguration"] == {"rules": rules}
            assert ecr.describe_registry()["replicationConfiguration"] == {"rules": rules}

    def test_what_cannot_be(self, registry: Registry) -> None:
        ecr, before = registry.ecr(), registry.stored()
        ours: Any = {"destinations": [{"region": REGION, "registryId": ACCOUNT}]}
        many: Any = {
            "destinations": [
                {"region": f"eu-west-{number}", "registryId": ACCOUNT} for number in range(26)
            ]
        }
        wrong: Any = {"destinations": [{"region": "eu-west-1", "registryId": "1"}]}
        for rule, named in ((ours, "itself"), (many, "25"), (wrong, "registryId")):
            code, message = refusal(
                lambda rule=rule: ecr.put_replication_configuration(  # type: ignore[misc]  # bound now
                    replicationConfiguration={"rules": [rule]}
                )
            )
            assert (code, named in message) == ("InvalidParameterException", True)
        assert registry.stored() == before


class TestScanning:
    def rule(self, frequency: str, *filters: str) -> Any:
        found = [{"filter": each, "filterType": "WILDCARD"} for each in filters]
        return {"scanFrequency": frequency, "repositoryFilters": found}

    def test_kept_and_applied(self, registry: Registry) -> None:
        ecr = registry.ecr()
        got = ecr.get_registry_scanning_configuration()
        assert got["registryId"] == ACCOUNT
        assert got["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
        for name in ("prod/app", "team/app", "mine"):
            registry.create(name, scan_on_push=name == "mine")
        push, always = self.rule("SCAN_ON_PUSH", "*app"), self.rule("CONTINUOUS_SCAN", "prod", "x*")
        wanted = {"scanType": "ENHANCED", "rules": [push, always]}
        put = ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[push, always])
        assert put["registryScanningConfiguration"] == wanted
        assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == wanted
        answer = ecr.batch_get_repository_scanning_configuration(
            repositoryNames=["prod/app", "team/app", "mine", "none"]
        )
        assert [
            (each["repositoryName"], each["scanFrequency"], each["scanOnPush"],
             [found["filter"] for found in each["appliedScanFilters"]])
            for each in answer["scanningConfigurations"]
        ] == [
            ("prod/app", "CONTINUOUS_SCAN", True, ["*app", "prod"]),
            ("team/app", "SCAN_ON_PUSH", True, ["*app"]),
            ("mine", "SCAN_ON_PUSH", True, []),
        ]  # fmt: skip
        assert answer["scanningConfigurations"][0]["repositoryArn"] == on("prod/app")
        (failure,) = answer["failures"]
        assert failure["repositoryName"] == "none"
        assert failure["failureCode"] == "REPOSITORY_NOT_FOUND"
        ecr.put_registry_scanning_configuration()
        (plain,) = ecr.batch_get_repository_scanning_configuration(repositoryNames=["team/app"])[
            "scanningConfigurations"
        ]
        assert (plain["scanFrequency"], plain["scanOnPush"]) == ("MANUAL", False)

    def test_what_cannot_be(self, registry: Registry) -> None:
        ecr, before = registry.ecr(), registry.stored()
        push = self.rule("SCAN_ON_PUSH", "*")
        for options, named in (
            ({"rules": [self.rule("CONTINUOUS_SCAN", "*")]}, "BASIC"),
            ({"scanType": "ENHANCED", "rules": [self.rule("MANUAL", "*")]}, "ENHANCED"),
            ({"rules": [push, push]}, "one rule"),
            ({"rules": [self.rule("SCAN_ON_PUSH", "A")]}, "rules.1.member.repositoryFilters"),
            ({"scanType": "DEEP"}, "scanType"),
        ):
            code, message = refusal(
                lambda options=options: ecr.put_registry_scanning_configuration(**options)  # type: ignore[misc]  # bound now
            )
            assert (code, named in message) == ("InvalidParameterException", True)
        assert registry.stored() == before

    @pytest.mark.parametrize(
        ("pattern", "names", "others"),
        [
            ("prod", ["prod", "my-prod", "prod/x"], ["pro/d"]),
            ("*", ["a", "a/b"], []),
            ("prod/*", ["prod/", "prod/a/b"], ["myprod/a", "prod"]),
            ("*.x", ["a.x", "a/b.x"], ["abx", "a.xy"]),
        ],
    )
    def test_filters(self, pattern: str, names: list[str], others: list[str]) -> None:
        assert all(matches(pattern, name) for name in names)
        assert not any(matches(pattern, name) for name in others)


class TestAccountSettings:
    def test_defaults_and_changes(self, registry: Registry) -> None:
        ecr = registry.ecr()
        for name, value in (
            ("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"),
            ("REGISTRY_POLICY_SCOPE", "V2"),
            ("BLOB_MOUNTING", "ENABLED"),
        ):
            assert ecr.get_account_setting(name=name)["value"] == value
            assert ecr.put_account_setting(name=name, value=value)["value"] == value
        told = ecr.put_account_setting(name="BLOB_MOUNTING", value="DISABLED")
        assert (told["name"], told["value"]) == ("BLOB_MOUNTING", "DISABLED")
        assert ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "DISABLED"

    @pytest.mark.parametrize(
        ("name", "value", "named"),
        [("NONE", "x", "BLOB_MOUNTING"), ("REGISTRY_POLICY_SCOPE", "V1", "[V2]")],
    )
    def test_what_cannot_be(self, registry: Registry, name: str, value: str, named: str) -> None:
        ecr = registry.ecr()
        code, message = refusal(lambda: ecr.put_account_setting(name=name, value=value))
        assert (code, named in message) == ("InvalidParameterException", True)
        if name == "NONE":
            assert refusal(lambda: ecr.get_account_setting(name=name))[0] == code

    def test_mounting(self, registry: Registry) -> None:
        for name in (NAME, "team/new"):
            registry.create(name)
        registry.hold(NAME, WHOLE)
        digest = images.digest_of(WHOLE.blobs[1].content)
        with registry.http() as docker:
            for value, status in (("DISABLED", 202), ("ENABLED", 201)):
                registry.ecr().put_account_setting(name="BLOB_MOUNTING", value=value)
                query = {"mount": digest, "from": NAME}
                answer = docker.post("/v2/team/new/blobs/uploads/", params=query)
                assert answer.status_code == status


def test_who_may_not(registry: Registry) -> None:
    registry.create(NAME)
    ecr = registry.ecr(registry.user("ada", allow("ecr:*", resource=on("other/*"))))
    before = registry.stored()
    calls: list[tuple[str, Callable[[], object]]] = [
        ("DescribeRegistry", ecr.describe_registry),
        ("GetRegistryPolicy", ecr.get_registry_policy),
        ("DeleteRegistryPolicy", ecr.delete_registry_policy),
        ("PutRegistryPolicy", lambda: ecr.put_registry_policy(policyText="{}")),
        (
            "PutReplicationConfiguration",
            lambda: ecr.put_replication_configuration(replicationConfiguration={"rules": []}),
        ),
        ("GetRegistryScanningConfiguration", ecr.get_registry_scanning_configuration),
        ("PutRegistryScanningConfiguration", ecr.put_registry_scanning_configuration),
        (
            "BatchGetRepositoryScanningConfiguration",
            lambda: ecr.batch_get_repository_scanning_configuration(repositoryNames=[NAME]),
        ),
        ("GetAccountSetting", lambda: ecr.get_account_setting(name="BLOB_MOUNTING")),
        ("PutAccountSetting", lambda: ecr.put_account_setting(name="a", value="b")),
    ]
    for action, call in calls:
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource" in message
    assert registry.stored() == before
