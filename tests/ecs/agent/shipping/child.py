"""A process with a shipper, to be killed: `… shipping.child ENGINE FOLDER CONTAINER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import docker

from registry.ecs.agent.shipping.shipper import LogShipper

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient

    from registry.ecs.protocol import RoleCredentials

TASK = "arn:aws:ecs:us-east-1:123456789012:task/default/killed"
GROUP = "/ecs/killed"


def client_of(_credentials: RoleCredentials | None, _region: str | None) -> CloudWatchLogsClient:
    """Of the server that the environment names."""
    return boto3.client("logs")


def shipper(engine: str, folder: Path) -> LogShipper:
    """One over an engine."""
    return LogShipper(lambda: docker.APIClient(engine), folder, client_of)


def follow(made: LogShipper, runtime_id: str) -> None:
    options = {"awslogs-group": GROUP, "awslogs-create-group": "true"}
    made.follow(TASK, "app", runtime_id, options, None)


if __name__ == "__main__":
    mine = shipper(sys.argv[1], Path(sys.argv[2]))
    follow(mine, sys.argv[3])
    print("following", flush=True)
    while True:
        time.sleep(60)
