"""Docker itself: its command line and its engine, against a running server."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.config import Settings
from registry.domain.identities.identity import Credential
from registry.ground import lay_ground
from registry.stores import tokens_of
from tests import images
from tests.clients.programs import Program
from tests.conftest import MakeRepository
from tests.server_process import ACCOUNT, ServerProcess
from tests.tools import require_tool

MIB = 1 << 20
Build = Callable[..., str]


@pytest.fixture
def build(docker: Program, tmp_path: Path) -> Build:
    """Builds an image of one layer for busybox and one for each file; gives its tag."""

    def make(reference: str, files: Mapping[str, bytes] | None = None) -> str:
        folder = tmp_path / "context"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(require_tool("busybox"), folder / "busybox")
        lines = ["FROM scratch", "COPY busybox /bin/busybox"]
        for name, content in (files or {"hello": b"hello from busybox\n"}).items():
            (folder / name).write_bytes(content)
            lines.append(f"COPY {name} /{name}")
        lines += ['ENTRYPOINT ["/bin/busybox"]', 'CMD ["cat", "/hello"]']
        (folder / "Dockerfile").write_text("\n".join(lines))
        docker("build", "--quiet", "--tag", reference, str(folder))
        return reference

    return make


def pushed_digest(output: str) -> str:
    match = re.search(r"digest: (sha256:[0-9a-f]{64}) size: \d+", output)
    assert match, output
    return match.group(1)


def test_what_was_pushed_is_pulled_and_runs(
    docker: Program, build: Build, server: ServerProcess, repository: str
) -> None:
    files = {"hello": b"hello from the registry\n", "random": os.urandom(50 * MIB), "empty": b""}
    reference = build(f"{server.address}/{repository}:v1", files)
    identity = docker("image", "inspect", "--format", "{{.Id}}", reference)
    digest = pushed_digest(docker("push", reference))

    docker("image", "rm", reference)
    docker.refused("image", "inspect", reference)
    pulled = docker("pull", reference)

    assert f"Digest: {digest}" in pulled
    assert docker("image", "inspect", "--format", "{{.Id}}", reference) == identity
    said = docker("run", "--rm", "--network", "none", reference)
    assert said == "hello from the registry\n"
    detail = server.ecr.describe_images(repositoryName=repository)["imageDetails"][0]
    assert detail["imageDigest"] == digest
    assert detail["imageTags"] == ["v1"]


def test_pull_by_digest_and_of_all_tags(
    docker: Program, build: Build, server: ServerProcess, repository: str
) -> None:
    name = f"{server.address}/{repository}"
    digest = pushed_digest(docker("push", build(f"{name}:one")))
    docker("tag", f"{name}:one", f"{name}:two")
    assert pushed_digest(docker("push", f"{name}:two")) == digest
    docker("image", "rm", f"{name}:one", f"{name}:two")

    docker("pull", f"{name}@{digest}")
    docker("pull", "--all-tags", name)
    listed = docker("image", "ls", name, "--format", "{{.Tag}}").split()
    assert {"one", "two"} <= set(listed)


def test_an_index_gives_the_engine_its_own_platform(
    docker: Program, server: ServerProcess, repository: str
) -> None:
    busybox = images.layer({"bin/busybox": require_tool("busybox").read_bytes()})
    greetings = {name: images.layer({"hello": name.encode()}) for name in ("amd64", "arm64")}
    children = {
        name: images.oci_image(busybox, greeting, architecture=name)
        for name, greeting in greetings.items()
    }
    with server.http() as client:
        images.push(client, repository, images.index(children), "multi")

    reference = f"{server.address}/{repository}:multi"
    docker("pull", reference)
    architecture = docker("image", "inspect", "--format", "{{.Architecture}}", reference).strip()
    assert docker("run", "--rm", "--network", "none", reference) == architecture


def test_manifest_list_made_by_docker(
    docker: Program, server: ServerProcess, repository: str
) -> None:
    name = f"{server.address}/{repository}"
    made = {}
    for architecture in ("amd64", "arm64"):
        layer = images.layer({"hello": architecture.encode()}, images.DOCKER_LAYER)
        made[architecture] = images.docker_image(layer, architecture=architecture)
    with server.http() as client:
        for architecture, image in made.items():
            images.push(client, repository, image, architecture)

    parts = [f"{name}:{architecture}" for architecture in made]
    docker("manifest", "create", "--insecure", f"{name}:all", *parts)
    digest = docker("manifest", "push", "--insecure", f"{name}:all").strip()

    shown = json.loads(docker("manifest", "inspect", "--insecure", f"{name}@{digest}"))
    assert shown["mediaType"] == images.DOCKER_LIST
    listed = {entry["platform"]["architecture"]: entry["digest"] for entry in shown["manifests"]}
    assert listed == {architecture: image.digest for architecture, image in made.items()}


def test_a_layer_is_sent_once_and_mounted_elsewhere(
    docker: Program,
    build: Build,
    server: ServerProcess,
    make_repository: MakeRepository,
) -> None:
    first, second = make_repository(), make_repository()
    reference = build(f"{server.address}/{first}:v1")
    assert "Layer already exists" not in docker("push", reference)
    again = docker("push", reference)
    assert again.count("Layer already exists") == 2
    assert "Pushed" not in again

    docker("tag", reference, f"{server.address}/{second}:v1")
    mounted = docker("push", f"{server.address}/{second}:v1")
    assert mounted.count(f"Mounted from {first}") == 2


def test_push_to_a_missing_repository_names_it(
    docker: Program, build: Build, server: ServerProcess
) -> None:
    output = docker.refused("push", build(f"{server.address}/no/such:v1"))
    assert (
        "name unknown: The repository with name 'no/such' does not exist"
        f" in the registry with id '{ACCOUNT}'"
    ) in output


def test_an_immutable_tag_takes_the_same_image_only(
    docker: Program, build: Build, server: ServerProcess, make_repository: MakeRepository
) -> None:
    repository = make_repository(mutability="IMMUTABLE")
    reference = build(f"{server.address}/{repository}:v1")
    docker("push", reference)
    docker("push", reference)

    output = docker.refused("push", build(reference, {"hello": b"another"}))
    assert (
        f"tag invalid: The image tag 'v1' already exists in the '{repository}' repository"
        " and cannot be overwritten because the repository is immutable."
    ) in output


def test_pull_of_what_is_missing(docker: Program, server: ServerProcess, repository: str) -> None:
    output = docker.refused("pull", f"{server.address}/{repository}:none")
    assert f"manifest for {server.address}/{repository}:none not found: manifest unknown" in output
    output = docker.refused("pull", f"{server.address}/no/such:v1")
    assert (
        "name unknown: The repository with name 'no/such' does not exist"
        f" in the registry with id '{ACCOUNT}'"
    ) in output


def test_without_login_nothing_is_pushed_or_pulled(
    stranger: Program, build: Build, server: ServerProcess, repository: str
) -> None:
    reference = build(f"{server.address}/{repository}:v1")
    stranger("logout", server.address)
    assert "no basic auth credentials" in stranger.refused("push", reference)
    assert "no basic auth credentials" in stranger.refused("pull", reference)
    assert server.ecr.list_images(repositoryName=repository)["imageIds"] == []


@pytest.mark.parametrize("user", ["AWS", "root"])
def test_a_wrong_password_is_refused(stranger: Program, server: ServerProcess, user: str) -> None:
    right = server.password()
    wrong = right if user != "AWS" else right[:-4] + ("aaaa" if right[-4:] != "aaaa" else "bbbb")
    login = ("login", "--username", user, "--password-stdin", server.address)
    output = stranger.refused(*login, stdin=wrong)
    assert f"login attempt to {server.url}/v2/ failed with status: 401 Unauthorized" in output


def test_an_expired_password_is_told_apart_from_a_wrong_one(
    stranger: Program, server: ServerProcess, repository: str, tmp_path: Path
) -> None:
    account = {"auth": base64.b64encode(f"AWS:{expired_password(server)}".encode()).decode()}
    folder = tmp_path / "docker-config"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {server.address: account}}))
    output = stranger.refused("pull", f"{server.address}/{repository}:v1")
    assert "denied: Your authorization token has expired. Reauthenticate and try again." in output


def expired_password(server: ServerProcess) -> str:
    """A password as the server issued it to its administrator 13 hours ago."""
    ground = lay_ground(Settings(data=server.data))
    try:
        then = datetime.now(UTC) - timedelta(hours=13)
        credential = Credential(server.credentials.access_key_id)
        return tokens_of(ground).issue(credential, then).password
    finally:
        ground.close()
