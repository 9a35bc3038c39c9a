"""The programs, each set up as a user sets it up: logged in with a password from ECR."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.engine import docker_engine, remove_images
from tests.clients.programs import Program
from tests.server_process import ServerProcess
from tests.tools import missing, require_tool


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.clients)


@pytest.fixture
def aws(server: ServerProcess) -> Program:
    """The AWS CLI of this environment, knowing only what the server printed at its start."""
    return Program(Path(sys.executable).with_name("aws"), server.aws_environment())


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    with docker_engine() as host:
        yield host


@pytest.fixture
def stranger(engine: str, server: ServerProcess, tmp_path: Path) -> Iterator[Program]:
    """A docker client that has not logged in anywhere."""
    environment = {
        "DOCKER_HOST": engine,
        "DOCKER_CONFIG": str(tmp_path / "docker-config"),
        "DOCKER_BUILDKIT": "0",  # an engine without the buildx plug-in has the classic builder only
        "HOME": str(tmp_path),
    }
    docker = Program(require_tool("docker"), environment)
    yield docker
    remove_images(docker, server.address)


@pytest.fixture
def docker(stranger: Program, aws: Program, server: ServerProcess) -> Program:
    """A docker client that logged in with the line of the README."""
    password = aws("ecr", "get-login-password")
    said = stranger(
        "login", "--username", "AWS", "--password-stdin", server.address, stdin=password
    )
    assert "Login Succeeded" in said
    return stranger


@pytest.fixture
def skopeo(server: ServerProcess, tmp_path: Path) -> Program:
    environment = {
        "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    # The machine's own trust policy is no part of what is tested, and may not exist.
    program = Program(require_tool("skopeo"), environment, "--insecure-policy")
    program(
        "login", "--tls-verify=false", "--username", "AWS", "--password-stdin", server.address,
        stdin=server.password(),
    )  # fmt: skip
    return program


@pytest.fixture
def podman(server: ServerProcess, tmp_path: Path) -> Iterator[Program]:
    """Podman with images and containers of its own; the driver that needs no mounts."""
    if os.geteuid() != 0:
        missing("podman is set up here for root only")
    environment = {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"), "HOME": str(tmp_path)}
    # Podman refuses a run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="mo") as short:
        program = Program(
            require_tool("podman"), environment, "--root", f"{short}/root", "--runroot",
            f"{short}/run", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
            "--events-backend", "none",
        )  # fmt: skip
        program(
            "login", "--tls-verify=false", "--username", "AWS", "--password-stdin",
            server.address, stdin=server.password(),
        )  # fmt: skip
        yield program


@pytest.fixture
def crane(server: ServerProcess, tmp_path: Path) -> Program:
    environment = {"DOCKER_CONFIG": str(tmp_path / "crane"), "HOME": str(tmp_path)}
    program = Program(require_tool("crane"), environment)
    login = ("auth", "login", server.address, "--username", "AWS", "--password-stdin")
    program(*login, stdin=server.password())
    return program


@pytest.fixture
def oras(server: ServerProcess, tmp_path: Path) -> Program:
    environment = {"DOCKER_CONFIG": str(tmp_path / "oras"), "HOME": str(tmp_path)}
    program = Program(require_tool("oras"), environment)
    login = ("login", "--plain-http", "--username", "AWS", "--password-stdin", server.address)
    program(*login, stdin=server.password())
    return program
