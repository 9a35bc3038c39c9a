"""Podman, whose images are OCI's own unless told otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import images
from tests.clients.programs import Program
from tests.server_process import ACCOUNT, ServerProcess
from tests.tools import require_tool

PLAIN = "--tls-verify=false"
# The engine's default limits may be above what the machine lets anybody set.
RUN = ("run", "--rm", "--network", "none", "--ulimit", "nofile=1024", "--ulimit", "nproc=1024")


@pytest.fixture
def build(podman: Program, tmp_path: Path) -> Callable[[str], str]:
    """Builds an image that says hello; gives its reference."""

    def make(reference: str) -> str:
        folder = tmp_path / "context"
        folder.mkdir()
        shutil.copy(require_tool("busybox"), folder / "busybox")
        (folder / "hello").write_text("hello from podman\n")
        lines = ["FROM scratch", "COPY busybox /bin/busybox", "COPY hello /hello"]
        lines += ['ENTRYPOINT ["/bin/busybox"]', 'CMD ["cat", "/hello"]']
        (folder / "Dockerfile").write_text("\n".join(lines))
        podman("build", "--quiet", "--tag", reference, str(folder))
        return reference

    return make


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_what_was_pushed_is_pulled_and_runs(
    podman: Program,
    build: Callable[[str], str],
    server: ServerProcess,
    repository: str,
    form: str,
) -> None:
    reference = build(f"{server.address}/{repository}:v1")
    podman("push", PLAIN, "--format", form, reference)
    podman("image", "rm", "--all", "--force")
    podman("pull", PLAIN, reference)
    assert podman(*RUN, reference) == "hello from podman\n"

    (detail,) = server.ecr.describe_images(repositoryName=repository)["imageDetails"]
    wanted = images.OCI_MANIFEST if form == "oci" else images.DOCKER_MANIFEST
    assert detail["imageManifestMediaType"] == wanted
    shown = json.loads(podman("image", "inspect", reference))[0]
    assert f"{server.address}/{repository}@{detail['imageDigest']}" in shown["RepoDigests"]


def test_a_manifest_list_goes_with_its_images(
    podman: Program, build: Callable[[str], str], server: ServerProcess, repository: str
) -> None:
    name = f"{server.address}/{repository}"
    build(f"{name}:v1")
    podman("manifest", "create", "all", f"containers-storage:{name}:v1")
    podman("manifest", "push", PLAIN, "--all", "all", f"docker://{name}:all")
    (described,) = server.ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageTag": "all"}]
    )["images"]
    index = json.loads(described["imageManifest"])
    children = {child["digest"] for child in index["manifests"]}
    listed = server.ecr.list_images(repositoryName=repository)["imageIds"]
    assert children == {entry["imageDigest"] for entry in listed if "imageTag" not in entry}


def test_refusals_are_shown(
    podman: Program, build: Callable[[str], str], server: ServerProcess
) -> None:
    reference = build(f"{server.address}/no/such:v1")
    assert (
        f"name unknown: The repository with name 'no/such' does not exist"
        f" in the registry with id '{ACCOUNT}'"
    ) in podman.refused("push", PLAIN, reference)
    podman("logout", server.address)
    assert "authentication required" in podman.refused("push", PLAIN, reference)
