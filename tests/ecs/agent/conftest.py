"""A real engine, an image that needs no network, and an agent."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from registry.ecs.agent.networks import AWSVPC_NETWORK
from tests.application import loop, open_one, registry, template
from tests.clients.engine import docker_engine
from tests.ecs.agent.harness import Rig
from tests.images import Image, layer, oci_image
from tests.tools import require_tool
from tests.upstream.fake import FakeRegistry, serving

__all__ = ["loop", "open_one", "registry", "template"]
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@pytest.fixture(scope="package")
def engine() -> Iterator[str]:
    """The `DOCKER_HOST` of an engine; what the agent leaves on it for good is removed."""
    with docker_engine() as url:
        yield url
        client = docker.APIClient(url)
        for network in client.networks(names=[AWSVPC_NETWORK]):
            client.remove_network(network["Id"])
        client.close()


@pytest.fixture(scope="package")
def registry_of_images() -> Iterator[FakeRegistry]:
    """A registry that holds `box:1`, which has nothing but busybox in it."""
    with serving() as registry:
        registry.hold("box", box(), "1")
        yield registry


def box(**files: bytes) -> Image:
    """An image with busybox and these files at its root."""
    content = require_tool("busybox").read_bytes()
    found = {"bin/busybox": content, **files}
    return oci_image(layer(found), architecture=MACHINES[platform.machine()])


@pytest.fixture
def rig(engine: str, registry_of_images: FakeRegistry, tmp_path: Path) -> Iterator[Rig]:
    """An agent at work."""
    made = Rig(engine, tmp_path / "ecs", f"{registry_of_images.address}/box:1")
    made.agent.start()
    yield made
    made.close()
