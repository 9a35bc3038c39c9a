"""A registry that caches another one, both as processes, and what real clients see of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.engine import docker_engine
from tests.clients.programs import Program
from tests.images import Blob, layer, multi_arch, oci_image, push
from tests.server_process import ServerProcess
from tests.tools import require_tool
from tests.upstream.fake import FakeRegistry, Handler, other_bytes, serving

pytestmark = pytest.mark.clients

READ = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
BRING = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")


def let_anyone_pull(server: ServerProcess) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": [*READ, *BRING], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    server.ecr.put_registry_policy(policyText=json.dumps(document))


def cache_of(server: ServerProcess, address: str, **more: Any) -> None:
    server.ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix="hub", upstreamRegistryUrl=address, **more
    )


@pytest.fixture(scope="module")
def serving_fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def caching(
    serving_fake: FakeRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """It has the fake as the upstream of `hub/`, and is its mirror under the name localhost."""
    fake, folder = serving_fake, tmp_path_factory.mktemp("caching")
    options = ("--upstreams", fake.url, "--mirror-hosts", f"localhost={fake.address}")
    server = ServerProcess(folder, *options).start()
    cache_of(server, fake.address)
    yield server
    server.stop()


@pytest.fixture
def fake(serving_fake: FakeRegistry) -> Iterator[FakeRegistry]:
    """As new."""
    fake = serving_fake
    fake.manifests.clear()
    fake.blobs.clear()
    fake.asked.clear()
    yield fake
    if fake.gate is not None:
        fake.gate.set()
    fake.gate = fake.special = None


def big(fake: FakeRegistry, name: str) -> Blob:
    """A blob of 10 MB in an image: more than sockets hold, or a reader may fall behind."""
    content = Blob(name.encode() + bytes(range(256)) * 40_000, "application/octet-stream", "x")
    fake.hold(name, oci_image(content), "v1")
    return content


def imported(client: httpx.Client, blob: Blob, name: str) -> str:
    """The path of the blob, once the image is here."""
    assert client.get(f"/v2/hub/{name}/manifests/v1").is_success
    return f"/v2/hub/{name}/blobs/{blob.digest}"


def test_another_moorage_is_an_upstream_even_while_it_is_down(
    server: ServerProcess, tmp_path: Path
) -> None:
    skopeo = Program(require_tool("skopeo"))
    server.ecr.create_repository(repositoryName="library/two")
    image = multi_arch()
    with server.http() as client:
        push(client, "library/two", image, "v1")
    options = ("--upstreams", server.url, "--upstream-check-hours", "0")
    folder = tmp_path / "cache"
    folder.mkdir()
    cache = ServerProcess(folder, *options).start()
    try:
        given = Program(Path(require_tool("moorage")))(
            "upstream-credentials", "set", "hub", "--username", "AWS",
            "--data", str(cache.data), stdin=server.password(),
        )  # fmt: skip
        cache_of(cache, server.address, credentialArn=given.strip())
        valid = cache.ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="hub")
        assert valid["isValid"], valid
        source = f"docker://{cache.address}/hub/library/two:v1"
        copy = ("copy", "--all", "--src-tls-verify=false", "--src-creds")
        password = cache.password()
        skopeo(*copy, f"AWS:{password}", source, f"dir:{tmp_path / 'first'}")
        server.stop()
        try:
            skopeo(*copy, f"AWS:{password}", source, f"dir:{tmp_path / 'second'}")
        finally:
            server.start()
        for name in ("first", "second"):
            assert (tmp_path / name / "manifest.json").read_bytes() == image.manifest
        assert "is served as it is here" in cache.log
    finally:
        cache.stop()


def test_a_lie_is_cut_off_before_its_end(caching: ServerProcess, fake: FakeRegistry) -> None:
    blob = big(fake, "lie")
    with caching.http() as client:
        path = imported(client, blob, "lie")
        fake.blobs[blob.digest] = other_bytes(blob.content)
        got: list[bytes] = []
        with client.stream("GET", path) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-length"] == str(len(blob.content))
            with pytest.raises(httpx.RemoteProtocolError):
                got.extend(answer.iter_raw())
        assert len(b"".join(got)) < len(blob.content)
        fake.blobs[blob.digest] = blob.content
        assert client.get(path).content == blob.content


def test_a_kill_in_the_middle_of_a_fetch(caching: ServerProcess, fake: FakeRegistry) -> None:
    blob = big(fake, "killed")
    fake.gate = threading.Event()
    with caching.http() as client:
        path = imported(client, blob, "killed")
        with client.stream("GET", path) as answer:
            next(answer.iter_raw())
            caching.kill()
    fake.gate.set()
    caching.start()
    with caching.http() as client:  # waits at most until the dead one's lease has run out
        assert client.get(path).content == blob.content
    assert len(fake.requests("GET", blob.digest)) == 2


def test_a_slow_client_does_not_hold_up_the_others(
    caching: ServerProcess, fake: FakeRegistry
) -> None:
    blob = big(fake, "slow")
    fake.gate = threading.Event()
    with caching.http() as slow, caching.http() as quick:
        path = imported(slow, blob, "slow")
        with slow.stream("GET", path) as answer:
            parts = answer.iter_raw()
            got = next(parts)
            fake.gate.set()
            assert quick.get(path).content == blob.content
            assert got + b"".join(parts) == blob.content
    assert len(fake.requests("GET", blob.digest)) == 1


@pytest.fixture
def mirrored(caching: ServerProcess) -> Iterator[Program]:
    """A docker whose engine has the server as its mirror of Docker Hub, and no credentials."""
    mirror = f"http://localhost:{caching.port}"
    with docker_engine("--registry-mirror", mirror) as host:
        yield Program(require_tool("docker"), {"DOCKER_HOST": host, "HOME": str(caching.folder)})


def test_docker_pulls_through_a_mirror(
    caching: ServerProcess, fake: FakeRegistry, mirrored: Program
) -> None:
    let_anyone_pull(caching)
    image = fake.hold("library/moorage-mirrored", oci_image(layer({"hello": b"hello"})), "v1")
    mirrored("pull", "moorage-mirrored:v1")
    shown = mirrored("image", "ls", "--digests", "--format", "{{.Repository}} {{.Digest}}")
    assert shown.split() == ["moorage-mirrored", image.digest]
    names = [each["repositoryName"] for each in caching.ecr.describe_repositories()["repositories"]]
    assert "hub/library/moorage-mirrored" in names
    assert "library/moorage-mirrored" not in names


def test_containerds_way(caching: ServerProcess, fake: FakeRegistry) -> None:
    """Without credentials, the upstream's own names, and its host as the namespace."""
    let_anyone_pull(caching)
    image = fake.hold("library/app", oci_image(layer({"hello": b"hello"})), "v1")
    with httpx.Client(base_url=caching.url, trust_env=False) as nobody:
        nobody.params = httpx.QueryParams(ns=fake.address)
        head = nobody.head("/v2/library/app/manifests/v1")
        assert head.headers["docker-content-digest"] == image.digest
        for blob in image.blobs:
            got = nobody.get(f"/v2/library/app/blobs/{blob.digest}")
            assert got.content == blob.content


def test_an_upstream_that_breaks_off(caching: ServerProcess, fake: FakeRegistry) -> None:
    """Half of the blob came; the rest comes by another request, from where it ended."""
    blob, halves = big(fake, "broken"), list[int]()

    def breaking(handler: Handler) -> bool:
        if blob.digest not in handler.path or halves:
            return False
        halves.append(len(blob.content) // 2)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob.content)))
        handler.end_headers()
        handler.wfile.write(blob.content[: halves[0]])
        handler.wfile.flush()
        handler.close_connection = True
        return True

    fake.special = breaking
    with caching.http() as client:
        assert client.get(imported(client, blob, "broken")).content == blob.content
    ranges = [each.headers.get("range") for each in fake.requests("GET", blob.digest)]
    assert ranges == [None, f"bytes={halves[0]}-"]
