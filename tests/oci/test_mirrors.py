"""Pulls by the names of other registries: containerd's `?ns=`, and dockerd's without."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from registry.config import Settings
from registry.values.errors import ParameterInvalid
from tests.application import HOST, OpenRegistry, Registry, allow, on
from tests.images import Image, layer, oci_image
from tests.oci.bodies import refused
from tests.upstream.fake import FakeRegistry, serving

IMAGE = oci_image(layer({"hello": b"theirs"}))
MINE = oci_image(layer({"hello": b"mine"}))
ANYONE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": [
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:BatchImportUpstreamImage",
                    "ecr:CreateRepository",
                ],
                "Resource": on("hub/*"),
            }
        ],
    }
)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        running.hold("library/app", IMAGE, "v1")
        running.hold("deep/down/app", MINE, "v1")
        yield running


def rule(registry: Registry, prefix: str, url: str, upstream: str = "ROOT") -> None:
    registry.ecr().create_pull_through_cache_rule(
        ecrRepositoryPrefix=prefix, upstreamRegistryUrl=url, upstreamRepositoryPrefix=upstream
    )


def pull(client: httpx.Client, name: str, image: Image, ns: str | None) -> None:
    query = {} if ns is None else {"ns": ns}
    for path, content in (
        (f"manifests/{'v1'}", image.manifest),
        (f"manifests/{image.digest}", image.manifest),
        *((f"blobs/{blob.digest}", blob.content) for blob in image.blobs),
    ):
        got = client.get(f"/v2/{name}/{path}", params=query)
        assert (got.status_code, got.content) == (200, content), got.text


def test_a_namespace_is_that_of_a_rule(open_one: OpenRegistry, fake: FakeRegistry) -> None:
    registry = open_one(upstreams=fake.url)
    rule(registry, "hub", fake.address)
    with registry.http() as client:
        pull(client, "library/app", IMAGE, fake.address)
        assert client.head("/v2/library/app/manifests/v1", params={"ns": fake.address}).is_success
        tags = client.get("/v2/library/app/tags/list", params={"ns": fake.address}).json()
        assert tags == {"name": "hub/library/app", "tags": ["v1"]}
        pull(client, "hub/library/app", IMAGE, None)
        refused(client.get("/v2/library/app/manifests/v1"), 404, "NAME_UNKNOWN", "library/app")


def test_of_several_rules_the_narrowest_that_is_true(
    open_one: OpenRegistry, fake: FakeRegistry
) -> None:
    registry = open_one(upstreams=fake.url)
    rule(registry, "hub", fake.address)
    rule(registry, "down", fake.address, "deep/down")
    rule(registry, "hub/other", "ghcr.io")  # and `hub/other/x` is not `other/x` of the fake
    fake.hold("other/x", IMAGE, "v1")
    with registry.http() as client:
        pull(client, "deep/down/app", MINE, fake.address)
        pull(client, "library/app", IMAGE, fake.address)
        answer = client.get("/v2/other/x/manifests/v1", params={"ns": fake.address})
        refused(answer, 404, "NAME_UNKNOWN", fake.address)
        names = [each.name for each in registry.repositories.page(registry.settings.scope, "", 9)]
        assert names == ["down/app", "hub/library/app"]


def test_a_namespace_without_a_rule_is_not_served_from_here(
    open_one: OpenRegistry, fake: FakeRegistry
) -> None:
    registry = open_one(custom_domains=f"images.example.com={'123456789012'}/us-east-1")
    registry.create("library/app")
    registry.hold("library/app", MINE, "v1")
    with registry.http() as client:
        path = "/v2/library/app/manifests/v1"
        refused(client.get(path, params={"ns": "docker.io"}), 404, "NAME_UNKNOWN", "'docker.io'")
        for own in (HOST, "images.example.com", "123456789012.dkr.ecr.us-east-1.localhost:5000"):
            assert client.get(path, params={"ns": own}).content == MINE.manifest, own
        assert client.get(path, params={"ns": ""}).content == MINE.manifest


def test_a_namespace_tells_nothing_to_who_may_not_pull(registry: Registry) -> None:
    rule(registry, "hub", "docker.io")
    with registry.http(registry.user("ada", allow("ecr:DescribeRepositories"))) as client:
        for ns in ("docker.io", "ghcr.io"):
            answer = client.get("/v2/library/app/manifests/v1", params={"ns": ns})
            refused(answer, 403, "DENIED", "ecr:BatchGetImage")
    with registry.anyone() as nobody:
        for ns in ("docker.io", "ghcr.io"):
            answer = nobody.get("/v2/library/app/manifests/v1", params={"ns": ns})
            assert answer.status_code == 401


def test_a_push_never_means_another_registry(open_one: OpenRegistry, fake: FakeRegistry) -> None:
    registry = open_one(upstreams=fake.url, mirror_hosts=f"mirror.test={fake.address}")
    rule(registry, "hub", fake.address)
    with registry.http() as client:
        for query, host in ((f"?ns={fake.address}", HOST), ("", "mirror.test")):
            answer = client.post(f"/v2/library/app/blobs/uploads/{query}", headers={"host": host})
            refused(answer, 404, "NAME_UNKNOWN", "'library/app'")


def test_a_host_of_its_own_is_a_mirror_without_namespaces(
    open_one: OpenRegistry, fake: FakeRegistry
) -> None:
    """As dockerd asks, which has no credentials for mirrors and takes no Basic challenge."""
    registry = open_one(upstreams=fake.url, mirror_hosts=f"mirror.test={fake.address}")
    rule(registry, "hub", fake.address)
    with registry.anyone({"host": "mirror.test:5000"}) as docker:
        challenged = docker.get("/v2/")
        assert challenged.status_code == 401
        how = 'Bearer realm="http://mirror.test:5000/token/",service="public",scope="aws"'
        assert challenged.headers["www-authenticate"] == how
        token = docker.get("/token/", params={"service": "public", "scope": "aws"}).json()["token"]
        docker.headers["authorization"] = f"Bearer {token}"
        assert docker.get("/v2/library/app/manifests/v1").status_code == 401
        assert not fake.asked
        registry.ecr().put_registry_policy(policyText=ANYONE)
        pull(docker, "library/app", IMAGE, None)
    with registry.http() as client:
        client.headers["host"] = "mirror.test:5000"
        pull(client, "library/app", IMAGE, None)
        pull(client, "library/app", IMAGE, fake.address)
        answer = client.get("/v2/library/app/manifests/v1", params={"ns": "quay.io"})
        refused(answer, 404, "NAME_UNKNOWN", "quay.io")


def test_a_mirror_serves_nothing_of_our_own(open_one: OpenRegistry) -> None:
    registry = open_one(mirror_hosts="mirror.test=docker.io")
    registry.create("library/app")
    registry.hold("library/app", MINE, "v1")
    with registry.http() as client:
        path = "/v2/library/app/manifests/v1"
        assert client.get(path).content == MINE.manifest
        answer = client.get(path, headers={"host": "mirror.test"})
        refused(answer, 404, "NAME_UNKNOWN", "'docker.io'")
    with registry.anyone() as nobody:  # only there is a token given
        assert nobody.get("/token/").status_code == 404


@pytest.mark.parametrize("text", ["mirror.test", "mirror.test=", "=docker.io", "a=b/c", "a b=c"])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(ParameterInvalid, match="mirror_hosts"):
        Settings(mirror_hosts=text)


def test_docker_hub_has_many_names(registry: Registry) -> None:
    rule(registry, "hub", "registry-1.docker.io")
    mirrors = registry.stores.caching.mirrors
    scope = registry.settings.scope
    for ns in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        assert mirrors.name(scope, "library/nginx", ns, HOST) == "hub/library/nginx"
        assert not mirrors.foreign(scope, "library/nginx", ns, HOST)
    assert mirrors.foreign(scope, "library/nginx", "quay.io", HOST)
