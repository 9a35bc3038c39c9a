"""What the tests of ECR's operations share: calls that must fail, and small images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import images
from tests.application import ACCOUNT

NAME = "team/app"


def failure(call: Callable[[], object]) -> dict[str, Any]:
    """The whole answer to a call that must fail, leaving its caller none the wiser."""
    with pytest.raises(ClientError) as caught:
        call()
    found: dict[str, Any] = dict(caught.value.response)
    assert "Traceback" not in found["Error"]["Message"]
    return found


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Code and message of a call that must fail."""
    error = failure(call)["Error"]
    return error["Code"], error["Message"]


def image(seed: str = "a", **extra: Any) -> images.Image:
    return images.oci_image(images.Blob(seed.encode(), images.OCI_LAYER, "x"), **extra)


def missing(name: str = "team/none") -> tuple[str, str]:
    """The refusal of an operation on a repository that does not exist."""
    text = f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"
    return "RepositoryNotFoundException", text
