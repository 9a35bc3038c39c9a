"""A public repository for people without a login: docker, skopeo, and the AWS CLI before them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import images
from tests.clients.engine import remove_images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import require_tool

PLAIN = "--tls-verify=false"
TREE = images.multi_arch("public")


@pytest.fixture
def running(start_server: StartServer) -> ServerProcess:
    """`localhost` has the public registries alone; 127.0.0.1 all others too."""
    return start_server("--custom-domains", "localhost=public")


@pytest.fixture
def aws(running: ServerProcess) -> Program:
    return Program(Path(sys.executable).with_name("aws"), running.aws_environment())


@pytest.fixture
def skopeo(tmp_path: Path) -> Program:
    environment = {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"), "HOME": str(tmp_path)}
    environment["TMPDIR"] = str(tmp_path)
    return Program(require_tool("skopeo"), environment, "--insecure-policy")


@pytest.fixture
def anyone(engine: str, running: ServerProcess, tmp_path: Path) -> Iterator[Program]:
    """A docker client that has not logged in anywhere."""
    environment = {"DOCKER_HOST": engine, "DOCKER_CONFIG": str(tmp_path / "docker")}
    docker = Program(require_tool("docker"), environment | {"HOME": str(tmp_path)})
    yield docker
    remove_images(docker, f"localhost:{running.port}")


@pytest.fixture
def uri(aws: Program, skopeo: Program, running: ServerProcess, tmp_path: Path) -> str:
    """A public repository with an image, pushed as the manual says."""
    made = json.loads(aws("ecr-public", "create-repository", "--repository-name", "tools/hello"))
    found = str(made["repository"]["repositoryUri"])
    assert found.startswith(f"localhost:{running.port}/")
    password = aws("ecr-public", "get-login-password")
    host = f"localhost:{running.port}"
    skopeo("login", PLAIN, "--username", "AWS", "--password-stdin", host, stdin=password)
    layout = images.write_layout(tmp_path / "layout", {"v1": TREE})
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{layout}:v1", f"docker://{found}:v1")
    skopeo("logout", host)
    return found


def test_docker_pulls_without_a_login_and_pushes_with_one(
    anyone: Program, aws: Program, uri: str
) -> None:
    assert TREE.digest in anyone("pull", f"{uri}:v1")
    anyone("tag", f"{uri}:v1", f"{uri}:mine")
    assert "unauthorized" in anyone.refused("push", f"{uri}:mine")
    host = uri.partition("/")[0]
    password = aws("ecr-public", "get-login-password")
    anyone("login", "--username", "AWS", "--password-stdin", host, stdin=password)
    anyone("push", f"{uri}:mine")
    tags = json.loads(aws("ecr-public", "describe-image-tags", "--repository-name", "tools/hello"))
    assert [each["imageTag"] for each in tags["imageTagDetails"]] == ["mine", "v1"]


def test_skopeo_finds_it_below_either_host(
    skopeo: Program, uri: str, running: ServerProcess, tmp_path: Path
) -> None:
    below = uri.partition("/")[2]
    for name in (uri, f"{running.address}/public/{below}"):
        assert json.loads(skopeo("list-tags", PLAIN, f"docker://{name}"))["Tags"] == ["v1"]
        refused = skopeo.refused(
            "copy", "--dest-tls-verify=false", f"oci:{tmp_path}/layout:v1", f"docker://{name}:v2"
        )
        assert "unauthorized" in refused
