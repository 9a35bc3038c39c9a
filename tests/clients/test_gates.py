"""Pulls and pushes of a refused image by docker itself, with either of its image stores."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import images
from tests.clients.engine import docker_engine, remove_images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import require_tool

CONTAINERD = {"features": {"containerd-snapshotter": True}}


@pytest.fixture(scope="module", params=["graphdriver", "containerd"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Docker with its image store of old, and with that of containerd."""
    if request.param == "graphdriver":
        with docker_engine() as host:
            yield host
        return
    config = tmp_path_factory.mktemp("engine") / "daemon.json"
    config.write_text(json.dumps(CONTAINERD))
    with docker_engine("--config-file", str(config)) as host:
        yield host


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """One with robots: the nodes that only pull."""
    return start_server("--robot-tokens")


@pytest.fixture
def moorage(server: ServerProcess) -> Program:
    environment = {
        "MOORAGE_DATA": str(server.data),
        "MOORAGE_ROBOT_TOKENS": "true",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    return Program(Path(sys.executable).with_name("moorage"), environment)


@pytest.fixture
def docker(store: str, server: ServerProcess, tmp_path: Path) -> Iterator[Program]:
    environment = {"DOCKER_HOST": store, "DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    program = Program(require_tool("docker"), environment)
    yield program
    remove_images(program, server.address)


def test_a_refused_image_is_pulled_by_nobody_and_pushed_by_who_may(
    docker: Program, server: ServerProcess, moorage: Program, tmp_path: Path
) -> None:
    server.ecr.create_repository(repositoryName="prod/app")
    pull = ("--user", "admin", "--repository", "prod/*", "--allow", "pull")
    puller = moorage("token", "create", "--name", "node", *pull).strip()
    image = images.oci_image(images.layer({"a": b"a"}))
    reference = f"{server.address}/prod/app:v1"
    with server.http() as client:
        images.push(client, "prod/app", image, "v1")

    def login(password: str) -> None:
        words = ("login", "--username", "AWS", "--password-stdin", server.address)
        docker(*words, stdin=password)

    login(server.password())
    docker("pull", reference)  # the machine has it from now on
    gate = tmp_path / "gate.json"
    gate.write_text(json.dumps({"repositories": ["prod/*"], "unscanned": "refuse"}))
    moorage("gate", "set", "scanned", str(gate))

    pusher_is_told = docker.refused("pull", reference)
    docker("push", reference)  # nothing new, and no error
    login(puller)
    puller_is_told = docker.refused("pull", reference)
    for said in (pusher_is_told, puller_is_told):
        assert "is refused by the gate 'scanned': it was never scanned" in said
    moorage("gate", "remove", "scanned")
    docker("pull", reference)
