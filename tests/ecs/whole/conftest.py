"""A real server that runs containers on a real Docker Engine, as a user sets it up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from registry.ecs.agent.networks import AWSVPC_NETWORK
from registry.ecs.endpoints.network import NETWORK
from registry.values.digest import Digest
from tests.clients.engine import docker_engine
from tests.ecs.agent.conftest import box
from tests.images import Image
from tests.server_process import ACCOUNT, ServerProcess

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
SUBNET: Any = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
SECONDS = 60


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    with docker_engine() as url:
        yield url


class World:
    """The server, its clients, and roles for tasks."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.server = ServerProcess(folder, "--ecs-engine", engine)
        self.engine = docker.APIClient(engine)

    def begin(self) -> None:
        self.server.start()
        iam = self.client("iam")
        for name in ("execution", "nobody"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.attach_role_policy(
            RoleName="execution",
            PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        )
        self.server.ecr.create_repository(repositoryName="team/box")
        self.push("team/box", box(), "v1")
        self.client("ecs").create_cluster(clusterName="demo")

    def end(self) -> None:
        """Stop the server; what it left on the engine goes."""
        self.server.stop()
        mine = {"label": ["moorage.agent"]}
        for container in self.engine.containers(all=True, filters=mine):
            self.engine.remove_container(container["Id"], force=True, v=True)
        for network in self.engine.networks(names=[AWSVPC_NETWORK, NETWORK]):
            self.engine.remove_network(network["Id"])
        self.engine.close()

    def client(self, service: str) -> Any:
        make: Any = self.server.session.client
        return make(service, endpoint_url=self.server.url)

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    @property
    def image(self) -> str:
        return f"{self.server.address}/team/box:v1"

    def push(self, repository: str, image: Image, tag: str) -> None:
        with self.server.http() as client:
            for blob in image.blobs:
                place = client.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
                digest = Digest.of(blob.content)
                mark = "&" if "?" in place else "?"
                client.put(f"{place}{mark}digest={digest}", content=blob.content).raise_for_status()
            client.put(
                f"/v2/{repository}/manifests/{tag}",
                content=image.manifest,
                headers={"content-type": image.media_type},
            ).raise_for_status()

    def register(self, family: str, *command: str, **more: Any) -> str:
        """A Fargate definition of one container; its ARN."""
        container = {"name": "box", "image": self.image, "command": list(command), "stopTimeout": 2}
        container |= more.pop("container", {})
        given = {
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": self.role("execution"),
            **more,
        }
        made = self.client("ecs").register_task_definition(
            family=family, containerDefinitions=[container], **given
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def run(self, family: str, count: int = 1) -> list[str]:
        """Tasks on Fargate; their ARNs."""
        answer = self.client("ecs").run_task(
            cluster="demo",
            taskDefinition=family,
            launchType="FARGATE",
            networkConfiguration=SUBNET,
            count=count,
        )
        return [each["taskArn"] for each in answer["tasks"]]

    def task(self, arn: str) -> dict[str, Any]:
        answer = self.client("ecs").describe_tasks(cluster="demo", tasks=[arn])
        (found,) = answer["tasks"]
        return dict(found)

    def reaches(self, arn: str, status: str) -> dict[str, Any]:
        """The task, once it has this status."""
        return self.until(lambda: self.task(arn), lambda task: task["lastStatus"] == status)

    def until(
        self, look: Callable[[], dict[str, Any]], done: Callable[[Mapping[str, Any]], bool]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while not done(found := look()):
            assert time.monotonic() < deadline, (found, self.server.tail())
            time.sleep(0.1)
        return found

    def running(self) -> dict[str, str]:
        """Engine ids of the running containers of all tasks, by the task's ARN."""
        labels = {"label": ["com.amazonaws.ecs.container-name=box"]}
        return {
            each["Labels"]["com.amazonaws.ecs.task-arn"]: each["Id"]
            for each in self.engine.containers(filters=labels)
        }


@pytest.fixture(scope="module")
def world(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("ecs"), engine)
    made.begin()
    yield made
    made.end()
