"""Pull through cache rules, and pulls by ECR's API through the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.caching import secrets_of
from registry.domain.upstreams.rules import Rule
from registry.domain.upstreams.secrets import Secrets
from registry.domain.upstreams.sources import secret_value
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry, allow
from tests.domain.upstreams.examples import NOW, rule
from tests.ecr.calls import refusal
from tests.identities import OTHER
from tests.images import layer, oci_image
from tests.upstream.fake import FakeRegistry, other_bytes, serving

IMAGE = oci_image(layer({"hello": b"hello"}))
SECRET = "ecr-pullthroughcache/hub"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        running.hold("library/app", IMAGE, "v1")
        yield running


def credentials(registry: Registry, value: str = "", name: str = SECRET) -> str:
    """The ARN of credentials that the fake takes."""
    kept = value or secret_value("ada", "the-password")
    return secrets_of(registry.ground).put(SCOPE, name, kept).arn


def create(registry: Registry, prefix: str = "hub", url: str = "ghcr.io", **more: Any) -> Any:
    answer = registry.ecr().create_pull_through_cache_rule(
        ecrRepositoryPrefix=prefix, upstreamRegistryUrl=url, **more
    )
    return members(answer)


def members(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def untimed(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if not name.endswith("At")}


class TestRules:
    def test_kept_shown_changed_and_deleted(self, registry: Registry) -> None:
        ecr, arn = registry.ecr(), credentials(registry)
        role = f"arn:aws:iam::{ACCOUNT}:role/pull"
        whole = {
            "ecrRepositoryPrefix": "team-a",
            "upstreamRegistryUrl": "registry-1.docker.io",
            "upstreamRegistry": "docker-hub",
            "registryId": ACCOUNT,
            "credentialArn": arn,
            "customRoleArn": role,
            "upstreamRepositoryPrefix": "team/a",
        }
        made = create(
            registry,
            "team-a/",
            "registry-1.docker.io",
            credentialArn=arn,
            customRoleArn=role,
            upstreamRepositoryPrefix="team/a",
        )
        assert untimed(made) == whole
        assert made.keys() - whole.keys() == {"createdAt"}
        (shown,) = ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]
        assert untimed(dict(shown)) == whole
        assert shown["updatedAt"] == shown["createdAt"] == made["createdAt"]
        other = credentials(registry, name=SECRET + "2")
        changed = members(
            ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="team-a", credentialArn=other)
        )
        assert changed["updatedAt"] > made["createdAt"]
        assert untimed(changed) == {
            name: other if name == "credentialArn" else whole[name]
            for name in whole
            if name not in {"upstreamRegistryUrl", "upstreamRegistry"}
        }
        gone = members(ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="team-a/"))
        assert gone["createdAt"] == made["createdAt"]
        assert gone["credentialArn"] == other
        assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("public.ecr.aws", "ecr-public"),
            ("quay.io", "quay"),
            ("my.azurecr.io", "azure-container-registry"),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "ecr"),
            ("registry.example.com:5000", None),
            ("https://registry.example.com", None),
        ],
    )
    def test_the_upstream_is_any_registry(
        self, registry: Registry, url: str, name: str | None
    ) -> None:
        made = create(registry, "ROOT", url)
        assert (made["upstreamRegistryUrl"], made.get("upstreamRegistry")) == (url, name)
        assert "upstreamRepositoryPrefix" not in made  # or Terraform would replace the rule

    def test_root_as_the_upstream_prefix_is_shown_where_it_was_given(
        self, registry: Registry
    ) -> None:
        made = create(registry, upstreamRepositoryPrefix="ROOT")
        assert made["upstreamRepositoryPrefix"] == "ROOT"
        (shown,) = registry.ecr().describe_pull_through_cache_rules()["pullThroughCacheRules"]
        assert shown["upstreamRepositoryPrefix"] == "ROOT"

    def test_there_is_one_for_a_prefix(self, registry: Registry) -> None:
        create(registry)
        text = f"The pull through cache rule with prefix 'hub' already exists in the registry with id '{ACCOUNT}'"  # noqa: E501 - as it is
        for prefix in ("hub", "hub/"):
            found = refusal(partial(create, registry, prefix))
            assert found == ("PullThroughCacheRuleAlreadyExistsException", text)

    def test_none_of_that_prefix(self, registry: Registry) -> None:
        ecr = registry.ecr()
        text = f"The pull through cache rule with prefix 'none' does not exist in the registry with id '{ACCOUNT}'"  # noqa: E501 - as it is
        for call in (
            lambda: ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["none"]),
            lambda: ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="none"),
            lambda: ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="none"),
            lambda: ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="none"),
        ):
            assert refusal(call) == ("PullThroughCacheRuleNotFoundException", text)

    @pytest.mark.parametrize(
        ("url", "named"),
        [
            ("http://ghcr.io", "plain HTTP"),
            ("ghcr.io/library", "host[:port]"),
            ("", "host[:port]"),
            ("user:pw@ghcr.io", "host[:port]"),
        ],
    )
    def test_what_is_no_upstream(self, registry: Registry, url: str, named: str) -> None:
        code, message = refusal(lambda: create(registry, url=url))
        assert code == "UnsupportedUpstreamRegistryException"
        assert named in message

    def test_what_is_no_rule(self, registry: Registry) -> None:
        for changed in (
            {"prefix": "A"},
            {"prefix": "x"},
            {"prefix": "hub", "credentialArn": "arn:aws:iam::1:user/x" * 4},
            {"prefix": "hub", "upstreamRegistry": "mine"},
            {"prefix": "ROOT", "upstreamRepositoryPrefix": "team"},
        ):
            code, message = refusal(partial(create, registry, **changed))
            assert code == "InvalidParameterException", changed
            assert message.startswith("Invalid parameter at ")

    def test_secrets_that_cannot_be_read(self, registry: Registry) -> None:
        arn = credentials(registry)
        create(registry, "there", credentialArn=arn)
        sealed = Secrets(registry.ground.database, b"k" * 32)
        foreign = sealed.put(SCOPE, "ecr-pullthroughcache/foreign", "{}").arn
        empty = credentials(registry, "{}", "ecr-pullthroughcache/empty")
        for bad, code in (
            (arn + "x", "SecretNotFoundException"),
            (arn.replace(ACCOUNT, OTHER), "UnableToAccessSecretException"),
            (arn.replace("us-east-1", "eu-west-1"), "UnableToAccessSecretException"),
            (foreign, "UnableToDecryptSecretValueException"),
            (empty, "UnableToAccessSecretException"),
        ):
            update = partial(
                registry.ecr().update_pull_through_cache_rule,
                ecrRepositoryPrefix="there",
                credentialArn=bad,
            )
            found = [refusal(partial(create, registry, credentialArn=bad)), refusal(update)]
            assert [each[0] for each in found] == [code, code], (bad, found)

    def test_pages(self, registry: Registry) -> None:
        names = [f"hub-{number}" for number in range(7)]
        for name in names:
            create(registry, name)
        pages = registry.ecr().get_paginator("describe_pull_through_cache_rules")
        got = []
        for page in pages.paginate(PaginationConfig={"PageSize": 3}):
            got.append([each["ecrRepositoryPrefix"] for each in page["pullThroughCacheRules"]])
            if len(got) == 1:  # a write between pages neither skips nor repeats
                create(registry, "a-first")
        assert got == [names[:3], names[3:6], names[6:]]
        two = registry.ecr().describe_pull_through_cache_rules(
            ecrRepositoryPrefixes=["hub-5", "hub-1/"]
        )
        shown = [each["ecrRepositoryPrefix"] for each in two["pullThroughCacheRules"]]
        assert shown == ["hub-5", "hub-1"]

    def test_rights(self, registry: Registry) -> None:
        create(registry)
        nobody = registry.ecr(registry.user("ada", allow("ecr:Describe*")))
        assert nobody.describe_pull_through_cache_rules()["pullThroughCacheRules"]
        for call in (
            lambda: nobody.create_pull_through_cache_rule(
                ecrRepositoryPrefix="x-y", upstreamRegistryUrl="ghcr.io"
            ),
            lambda: nobody.update_pull_through_cache_rule(ecrRepositoryPrefix="hub"),
            lambda: nobody.validate_pull_through_cache_rule(ecrRepositoryPrefix="hub"),
            lambda: nobody.delete_pull_through_cache_rule(ecrRepositoryPrefix="hub"),
        ):
            assert refusal(call)[0] == "AccessDeniedException"

    def test_another_accounts_rules_are_its_own(self, registry: Registry) -> None:
        create(registry)
        other = registry.ecr(registry.user("mallory", allow("*"), account=OTHER))
        assert other.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
        for call in (
            lambda: other.describe_pull_through_cache_rules(registryId=ACCOUNT),
            lambda: other.delete_pull_through_cache_rule(
                ecrRepositoryPrefix="hub", registryId=ACCOUNT
            ),
        ):
            assert refusal(call)[0] == "AccessDeniedException"


class TestValidation:
    def validated(self, registry: Registry) -> tuple[bool, str]:
        found = registry.ecr().validate_pull_through_cache_rule(ecrRepositoryPrefix="hub")
        assert found["ecrRepositoryPrefix"] == "hub"
        return found["isValid"], found.get("failure", "")

    def test_it_is_tried(self, open_one: OpenRegistry, fake: FakeRegistry) -> None:
        registry = open_one(upstreams=fake.url)
        create(registry, url=fake.address)
        assert self.validated(registry) == (True, "")
        fake.username, fake.password = "ada", "the-password"
        valid, failure = self.validated(registry)
        assert not valid
        assert failure.startswith("Access denied: ")
        arn = credentials(registry)
        registry.ecr().update_pull_through_cache_rule(ecrRepositoryPrefix="hub", credentialArn=arn)
        assert self.validated(registry) == (True, "")
        credentials(registry, secret_value("ada", "wrong"))  # the same ARN, another token
        valid, failure = self.validated(registry)
        assert not valid
        assert "wrong" not in failure
        secrets_of(registry.ground).remove(SCOPE, SECRET)
        assert "was not found" in self.validated(registry)[1]

    def test_what_lies_on_a_private_network_is_not_asked(
        self, registry: Registry, fake: FakeRegistry
    ) -> None:
        create(registry, url=fake.address)
        valid, failure = self.validated(registry)
        assert not valid
        assert "private network" in failure
        assert not fake.asked


class TestPulls:
    @pytest.fixture
    def registry(self, open_one: OpenRegistry, fake: FakeRegistry) -> Registry:
        registry = open_one(upstreams=fake.url)
        create(registry, url=fake.address)
        return registry

    def get(self, registry: Registry, *ids: Any, name: str = "hub/library/app") -> Any:
        return registry.ecr().batch_get_image(repositoryName=name, imageIds=list(ids))

    def test_an_image_and_its_layers(self, registry: Registry, fake: FakeRegistry) -> None:
        (got,) = self.get(registry, {"imageTag": "v1"})["images"]
        assert got["imageManifest"] == IMAGE.text
        assert got["imageId"] == {"imageDigest": IMAGE.digest, "imageTag": "v1"}
        by_digest = self.get(registry, {"imageDigest": IMAGE.digest})["images"]
        assert len(by_digest) == 1
        assert len(fake.requests("GET", "/manifests/")) == 1
        blob = IMAGE.blobs[1]
        checked = registry.ecr().batch_check_layer_availability(
            repositoryName="hub/library/app", layerDigests=[blob.digest]
        )
        assert checked["layers"][0]["layerAvailability"] == "UNAVAILABLE"
        for _ in range(2):
            link = registry.ecr().get_download_url_for_layer(
                repositoryName="hub/library/app", layerDigest=blob.digest
            )
            with registry.anyone() as client:
                path = httpx.URL(link["downloadUrl"]).raw_path.decode()
                assert client.get(path).content == blob.content
        assert len(fake.requests("GET", "/blobs/")) == 1

    def test_why_not(self, registry: Registry, fake: FakeRegistry) -> None:
        self.get(registry, {"imageTag": "v1"})
        wanted = [{"imageTag": "v2"}, {"imageTag": "v1"}, {"imageTag": "!"}, {}]
        for status, code in (
            (404, "ImageNotFound"),
            (403, "UpstreamAccessDenied"),
            (429, "UpstreamTooManyRequests"),
            (503, "UpstreamUnavailable"),
        ):
            fake.status = status
            answer = self.get(registry, *wanted)
            codes = [each["failureCode"] for each in answer["failures"]]
            assert codes == [code, "InvalidImageTag", "MissingDigestAndTag"]
            assert len(answer["images"]) == 1

    def test_without_a_repository(self, registry: Registry, fake: FakeRegistry) -> None:
        none = {"name": "hub/library/none"}
        code, _ = refusal(lambda: self.get(registry, {"imageTag": "v1"}, **none))
        assert code == "RepositoryNotFoundException"
        fake.status = 503
        code, message = refusal(lambda: self.get(registry, {"imageTag": "v1"}, **none))
        assert code == "UnableToGetUpstreamImageException"
        assert fake.address in message

    def test_a_rule_whose_secret_is_gone(self, registry: Registry) -> None:
        arn = credentials(registry)
        registry.ecr().update_pull_through_cache_rule(ecrRepositoryPrefix="hub", credentialArn=arn)
        self.get(registry, {"imageTag": "v1"})
        secrets_of(registry.ground).remove(SCOPE, SECRET)
        code, message = refusal(lambda: self.get(registry, {"imageTag": "v2"}))
        assert code == "UnableToGetUpstreamImageException"
        assert arn in message
        assert self.get(registry, {"imageTag": "v1"})["images"]

    def test_a_layer_that_the_upstream_does_not_give(
        self, registry: Registry, fake: FakeRegistry
    ) -> None:
        self.get(registry, {"imageTag": "v1"})
        blob = IMAGE.blobs[1]
        for content in (None, other_bytes(blob.content)):
            fake.blobs.pop(blob.digest, None)
            if content is not None:
                fake.blobs[blob.digest] = content
            code, message = refusal(
                lambda: registry.ecr().get_download_url_for_layer(
                    repositoryName="hub/library/app", layerDigest=blob.digest
                )
            )
            assert code == "UnableToGetUpstreamLayerException"
            assert blob.digest in message

    def test_rights(self, registry: Registry, fake: FakeRegistry) -> None:
        reader = registry.ecr(registry.user("ada", allow("ecr:BatchGetImage")))
        for _ in range(2):
            code, message = refusal(
                lambda: reader.batch_get_image(
                    repositoryName="hub/library/app", imageIds=[{"imageTag": "v1"}]
                )
            )
            assert code == "AccessDeniedException"
            assert "ecr:BatchImportUpstreamImage" in message
        assert not fake.asked
        self.get(registry, {"imageTag": "v1"})
        found = reader.batch_get_image(
            repositoryName="hub/library/app", imageIds=[{"imageTag": "v1"}]
        )
        assert found["images"]

    def test_waiting_for_upstreams_does_not_take_all_threads(
        self, registry: Registry, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.get(registry, {"imageTag": "v1"})
        monkeypatch.setattr("registry.ecr.upstream.WAITING", 1)
        other = registry.beside()
        fake.gate = threading.Event()
        blob = IMAGE.blobs[1]

        def link() -> object:
            return other.ecr().get_download_url_for_layer(
                repositoryName="hub/library/app", layerDigest=blob.digest
            )

        waiting = threading.Thread(target=link)
        waiting.start()
        assert fake.half_sent.wait(30)
        try:
            code, message = refusal(link)
            assert code == "UnableToGetUpstreamLayerException"
            assert "too many requests" in message
        finally:
            fake.gate.set()
            waiting.join()
            other.close()


part = st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True)
path = st.lists(part, min_size=1, max_size=3).map("/".join)
prefix = st.one_of(st.just("ROOT"), path)


@given(here=prefix, upstream=prefix, name=path)
def test_a_name_leads_to_the_upstream_and_back(here: str, upstream: str, name: str) -> None:
    made: Rule = rule(here, upstream)
    local = name if here == "ROOT" else f"{here}/{name}"
    theirs = made.upstream_name(local)
    assert theirs == (name if upstream == "ROOT" else f"{upstream}/{name}")
    assert made.name_here(theirs) == local
    assert made.created_at == NOW
