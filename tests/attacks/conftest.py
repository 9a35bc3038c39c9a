"""The application of tests/application.py, with two accounts and what nobody may get."""

from __future__ import annotations

import pytest

from tests.application import OpenRegistry, Registry, loop, open_one, template
from tests.attacks.world import World, made

__all__ = ["loop", "open_one", "template"]


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    return open_one(robot_tokens=True, regions="eu-west-1")


@pytest.fixture
def world(registry: Registry) -> World:
    return made(registry)
