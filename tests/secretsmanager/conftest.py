"""The application of tests/application.py, with a boto3 client of the service."""

from __future__ import annotations

from typing import Any

import pytest

from tests.application import Registry, loop, open_one, registry, template
from tests.identities import aws

__all__ = ["loop", "open_one", "registry", "template"]


@pytest.fixture
def secretsmanager(registry: Registry) -> Any:
    """The administrator's."""
    return aws(registry, "secretsmanager")
