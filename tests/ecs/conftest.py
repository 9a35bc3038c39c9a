"""A server's ECS, driven by boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.application import Registry, client, loop, open_one, registry, template

if TYPE_CHECKING:
    from types_boto3_ecs.client import ECSClient

__all__ = ["client", "loop", "open_one", "registry", "template"]


@pytest.fixture
def ecs(registry: Registry) -> Iterator[ECSClient]:
    """The administrator's client."""
    key = registry.admin
    client: Any = registry.aws("ecs", key.id, key.secret)
    yield client
    client.close()
