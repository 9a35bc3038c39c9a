"""Pulls by the names of other registries: containerd's `?ns=`, and dockerd's without."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.application import HOST, OpenRegistry, Registry, allow
from tests.images import Image, layer, oci_image
from tests.oci.bodies import refused
from tests.upstream.fake import FakeRegistry, serving

IMAGE = oci_image(layer({"hello": b"theirs"}))
MINE = oci_image(layer({"hello": b"mine"}))


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
    registry = open_one(upstreams=fake.url, mirror_of=fake.address)
    rule(registry, "hub", fake.address)
    with registry.http() as client:
        for query in ("", f"?ns={fake.address}"):
            answer = client.post(f"/v2/library/app/blobs/uploads/{query}")
            refused(answer, 404, "NAME_UNKNOWN", "'library/app'")


def test_the_default_upstream_is_meant_by_what_is_not_here(
    open_one: OpenRegistry, fake: FakeRegistry
) -> None:
    registry = open_one(upstreams=fake.url, mirror_of=fake.address)
    rule(registry, "hub", fake.address)
    registry.create("deep/down/app")
    registry.hold("deep/down/app", IMAGE, "v1")
    with registry.http() as client:
        pull(client, "library/app", IMAGE, None)
        pull(client, "deep/down/app", IMAGE, None)  # is here, and stays what it is
        pull(client, "hub/deep/down/app", MINE, None)
        pull(client, "deep/down/app", MINE, fake.address)


def test_docker_hub_has_many_names(registry: Registry) -> None:
    rule(registry, "hub", "registry-1.docker.io")
    mirrors = registry.stores.caching.mirrors
    scope = registry.settings.scope
    for ns in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        assert mirrors.name(scope, "library/nginx", ns) == "hub/library/nginx"
        assert not mirrors.foreign(scope, "library/nginx", ns, HOST)
    assert mirrors.foreign(scope, "library/nginx", "quay.io", HOST)
