"""The application of tests/application.py, with a boto3 client of its KMS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.application import Registry, client, loop, open_one, registry, template
from tests.identities import aws

__all__ = ["client", "loop", "open_one", "registry", "template"]


@pytest.fixture
def kms(registry: Registry) -> Any:
    """The administrator's."""
    return aws(registry, "kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    """A key of the administrator's account."""
    made: str = kms.create_key(Description="a key")["KeyMetadata"]["KeyId"]
    return made
