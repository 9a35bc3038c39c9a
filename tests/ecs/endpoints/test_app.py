"""What containers ask at 169.254.170.2."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.credentials import ContainerProvider

from registry.ecs.agent.definition import PAUSE
from registry.ecs.endpoints.app import Endpoints
from registry.ecs.endpoints.knowledge import Knowledge
from registry.ecs.endpoints.variables import environment_of
from registry.ecs.protocol import RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus
from tests.application import URL, InProcess, Loop, loop

__all__ = ["loop"]

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/demo/0123"
CREDENTIALS = RoleCredentials(
    "c" * 64,
    "arn:aws:iam::123456789012:role/work",
    "ASIA1",
    "hidden",
    "token",
    datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
)
SHOWN: dict[str, Any] = {
    "web": {
        "Id": "abc",
        "Name": "/ecs-web-1-web",
        "Image": "sha256:1",
        "Created": "2026-01-01T00:00:00Z",
        "State": {
            "Status": "running",
            "StartedAt": "2026-01-01T00:00:01Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": "healthy"},
        },
        "Config": {"Labels": {"com.amazonaws.ecs.cluster": "demo"}},
    },
    PAUSE: {
        "State": {"Status": "running"},
        "NetworkSettings": {
            "Networks": {
                "moorage-awsvpc": {"IPAddress": "10.0.0.9"},
                "moorage-ecs-endpoints": {"IPAddress": "169.254.170.7"},
            }
        },
    },
}


def payload(**more: Any) -> TaskPayload:
    container = {"name": "web", "image": "localhost:5000/web:v1", "cpu": 128, "memory": 64}
    values: dict[str, Any] = {
        "arn": ARN,
        "cluster_arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/demo",
        "definition": {
            "family": "web",
            "revision": 3,
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container],
        },
        "desired_status": DesiredStatus.RUNNING,
        "launch_type": "FARGATE",
        "container_arns": {"web": "arn:web"},
        "tags": {"team": "sea"},
        "task_credentials": CREDENTIALS,
        **more,
    }
    return TaskPayload(**values)


@pytest.fixture
def knowledge() -> Knowledge:
    made = Knowledge(b"k" * 32)
    made.keep(payload())
    return made


@pytest.fixture
def client(knowledge: Knowledge, loop: Loop) -> httpx.Client:
    endpoints = Endpoints(knowledge, lambda _arn: SHOWN, lambda number: {"read": number})
    return httpx.Client(transport=InProcess(endpoints.app(), loop), base_url=URL)


def test_credentials_have_the_form_that_sdks_read(client: httpx.Client) -> None:
    answer = client.get("/v2/credentials/" + "c" * 64)
    assert answer.json() == {
        "RoleArn": CREDENTIALS.role_arn,
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "hidden",
        "Token": "token",
        "Expiration": "2030-01-02T03:04:05Z",
    }
    fetcher: Any = _Fetcher(json.loads(answer.content))
    path = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"}
    found = ContainerProvider(path, fetcher).load()
    assert found is not None
    assert found.get_frozen_credentials().secret_key == "hidden"


class _Fetcher:
    """What botocore asks 169.254.170.2 with."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def full_url(self, path: str) -> str:
        return f"http://169.254.170.2{path}"

    def retrieve_full_uri(self, _url: str, headers: object = None) -> Any:
        assert headers is None
        return self._answer


@pytest.mark.parametrize("number", ["c" * 63, "d" * 64, "é"])
def test_another_id_has_none(client: httpx.Client, number: str) -> None:
    answer = client.get(f"/v2/credentials/{number}")
    assert answer.status_code == 400
    assert "hidden" not in answer.text


def test_a_task_that_stopped_has_none(client: httpx.Client, knowledge: Knowledge) -> None:
    knowledge.drop(ARN)
    assert client.get("/v2/credentials/" + "c" * 64).status_code == 400
    assert client.get(f"/v4/{knowledge.token(ARN, 'web')}").status_code == 400
    knowledge.drop(ARN)


def test_a_container_learns_what_it_is(client: httpx.Client, knowledge: Knowledge) -> None:
    base = f"/v4/{knowledge.token(ARN, 'web')}"
    found = client.get(base).json()
    assert found["DockerName"] == "ecs-web-1-web"
    assert found["KnownStatus"] == "RUNNING"
    assert found["Health"] == {"status": "HEALTHY"}
    assert found["Limits"] == {"CPU": 128, "Memory": 64}
    assert found["Networks"] == [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.9"]}]
    assert "FinishedAt" not in found
    task = client.get(f"{base}/task").json()
    assert (task["TaskARN"], task["Family"], task["Revision"]) == (ARN, "web", "3")
    assert [each["Name"] for each in task["Containers"]] == ["web"]
    assert task["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert "TaskTags" not in task
    assert client.get(f"{base}/taskWithTags").json()["TaskTags"] == {"team": "sea"}
    assert client.get(f"{base}/stats").json() == {"read": "abc"}
    assert client.get(f"{base}/task/stats").json() == {"abc": {"read": "abc"}}
    assert client.get("/v4/made-up/task").status_code == 400


def test_tokens_stay_over_a_restart_and_cannot_be_guessed() -> None:
    assert Knowledge(b"k").token(ARN, "web") == Knowledge(b"k").token(ARN, "web")
    assert Knowledge(b"k").token(ARN, "web") != Knowledge(b"other").token(ARN, "web")
    assert Knowledge(b"k").token(ARN, "web") != Knowledge(b"k").token(ARN, "side")


def test_newer_credentials_take_the_place_of_older_ones(
    client: httpx.Client, knowledge: Knowledge
) -> None:
    newer = RoleCredentials("c" * 64, "r", "ASIA2", "h", "t", CREDENTIALS.expiration)
    knowledge.keep(payload(task_credentials=newer))
    assert client.get("/v2/credentials/" + "c" * 64).json()["AccessKeyId"] == "ASIA2"


def test_variables_leave_the_users_own_alone() -> None:
    found = environment_of(payload(), {"environment": [{"name": "AWS_REGION", "value": "mine"}]})
    assert found == {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert environment_of(payload(launch_type="EC2"), {}) == {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}
