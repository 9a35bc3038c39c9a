"""The application of tests/application.py, for scans on real rows."""

import pytest

from tests.application import OpenRegistry, Registry, client, loop, open_one, registry, template
from tests.domain.scanning.world import NAME, World

__all__ = ["client", "loop", "open_one", "registry", "template"]


@pytest.fixture
def world(open_one: OpenRegistry) -> World:
    """With a repository that is scanned on push."""
    one: Registry = open_one(scan_daily_limit=0)
    one.create(NAME, scan_on_push=True)
    return World(one)
