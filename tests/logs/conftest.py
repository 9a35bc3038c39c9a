"""The application of tests/application.py, with a boto3 client of its CloudWatch Logs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.application import Registry, loop, open_one, registry, template
from tests.identities import aws

__all__ = ["loop", "open_one", "registry", "template"]

GROUP, STREAM = "/ecs/web", "web/app/1"


@pytest.fixture
def logs(registry: Registry) -> Any:
    """The administrator's."""
    return aws(registry, "logs")


@pytest.fixture
def stream(logs: Any) -> dict[str, str]:
    """A stream, by the parameters that name it."""
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    return {"logGroupName": GROUP, "logStreamName": STREAM}
