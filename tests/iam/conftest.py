"""The application of tests/application.py, with a boto3 client of its IAM."""

from __future__ import annotations

from typing import Any

import pytest

from tests.application import Registry, client, loop, open_one, registry, template
from tests.iam.client import iam_client

__all__ = ["client", "loop", "open_one", "registry", "template"]


@pytest.fixture
def iam(registry: Registry) -> Any:
    """The administrator's."""
    return iam_client(registry)
