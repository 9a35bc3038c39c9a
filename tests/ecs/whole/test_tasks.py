"""Tasks from RunTask to a container that runs, with images of this registry."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.ecs.whole.conftest import SECONDS, World

pytestmark = pytest.mark.slow
SLEEP = ("/bin/busybox", "sleep", "600")


def inside(world: World, container: str, *command: str) -> str:
    """What a command says inside a container."""
    made = world.engine.exec_create(container, ["/bin/busybox", *command])
    return str(world.engine.exec_start(made["Id"]).decode())


def asked(world: World, container: str, path: str) -> Any:
    """What 169.254.170.2 answers inside a container."""
    # Kept open until the answer is there: a client that hangs up wants none.
    request = f'printf "GET {path} HTTP/1.0\\r\\n\\r\\n"; /bin/busybox sleep 1'
    script = f"({request}) | /bin/busybox nc -w 5 169.254.170.2 80"
    _, _, body = inside(world, container, "sh", "-c", script).partition("\r\n\r\n")
    assert body, script
    return json.loads(body)


def test_a_task_runs_with_its_roles_credentials_and_stops_as_asked(world: World) -> None:
    world.register("web", *SLEEP, taskRoleArn=world.role("execution"))
    (arn,) = world.run("web")
    task = world.reaches(arn, "RUNNING")
    (container,) = task["containers"]
    shown = world.server.ecr.describe_images(repositoryName="team/box")["imageDetails"]
    assert container["imageDigest"] == shown[0]["imageDigest"]
    runtime = container["runtimeId"]
    variables = dict(
        line.split("=", 1) for line in inside(world, runtime, "env").split() if "=" in line
    )
    found = asked(world, runtime, variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
    assert found["RoleArn"] == world.role("execution")
    session: Any = world.server.session
    sts = session.client(
        "sts",
        endpoint_url=world.server.url,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["Token"],
    )
    assert sts.get_caller_identity()["Arn"].endswith(f"assumed-role/execution/{arn[-32:]}")
    place = variables["ECS_CONTAINER_METADATA_URI_V4"].removeprefix("http://169.254.170.2")
    metadata = asked(world, runtime, f"{place}/task")
    assert metadata["TaskARN"] == arn
    (address,) = metadata["Containers"][0]["Networks"][0]["IPv4Addresses"]
    assert address == container["networkInterfaces"][0]["privateIpv4Address"]
    assert asked(world, runtime, "/v2/credentials/" + "0" * 64)["code"] == "InvalidIdInRequest"

    world.client("ecs").stop_task(cluster="demo", task=arn, reason="enough")
    stopped = world.reaches(arn, "STOPPED")
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert arn not in world.running()


def test_a_task_that_ends_tells_its_exit_code(world: World) -> None:
    world.register("once", "/bin/busybox", "sh", "-c", "exit 7")
    (arn,) = world.run("once")
    stopped = world.reaches(arn, "STOPPED")
    assert stopped["containers"][0]["exitCode"] == 7
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["stoppedReason"] == "Essential container in task exited"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"executionRoleArn": "nobody"}, "ecr:GetAuthorizationToken"),
        ({"container": {"image": "team/box:none"}}, "not found"),
        ({"taskRoleArn": "no-such-role"}, "unable to assume the role"),
    ],
)
def test_what_cannot_start_says_why(world: World, change: dict[str, Any], words: str) -> None:
    given = {
        name: world.role(value) if isinstance(value, str) else {
            "image": f"{world.server.address}/{value['image']}"
        }
        for name, value in change.items()
    }  # fmt: skip
    world.register("broken", *SLEEP, **given)
    (arn,) = world.run("broken")
    stopped = world.reaches(arn, "STOPPED")
    assert stopped["stopCode"] == "TaskFailedToStart"
    reasons = stopped["stoppedReason"] + str(stopped["containers"][0].get("reason"))
    assert words in reasons


def test_an_image_that_a_policy_refuses_does_not_start(world: World) -> None:
    denied = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "ecr:BatchGetImage",
            }
        ],
    }
    world.server.ecr.create_repository(repositoryName="team/closed")
    from tests.ecs.agent.conftest import box  # noqa: PLC0415 - a fixture's helper

    world.push("team/closed", box(), "v1")
    world.server.ecr.set_repository_policy(
        repositoryName="team/closed", policyText=json.dumps(denied)
    )
    world.register("closed", *SLEEP, container={"image": f"{world.server.address}/team/closed:v1"})
    (arn,) = world.run("closed")
    stopped = world.reaches(arn, "STOPPED")
    assert "CannotPullContainerError" in str(stopped["containers"][0]["reason"])
    assert "denied" in str(stopped["containers"][0]["reason"])


def test_kill_9_with_twenty_tasks_loses_none_and_doubles_none(world: World) -> None:
    world.register("many", *SLEEP)
    arns = [arn for _ in range(2) for arn in world.run("many", 10)]
    for arn in arns:
        world.reaches(arn, "RUNNING")
    before = {arn: world.running()[arn] for arn in arns}
    world.server.kill()
    time.sleep(1)
    gone = before.pop(arns[0])
    world.engine.kill(gone)
    world.server.start()
    lost = world.reaches(arns[0], "STOPPED")
    assert lost["containers"][0]["exitCode"] == 137
    for arn in arns[1:]:
        task = world.reaches(arn, "RUNNING")
        assert task["containers"][0]["runtimeId"] == before[arn]
    assert {arn: number for arn, number in world.running().items() if arn in arns} == before
    ecs = world.client("ecs")
    for arn in arns[1:]:
        ecs.stop_task(cluster="demo", task=arn)
    deadline = time.monotonic() + SECONDS
    while set(world.running()) & set(arns):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_output_lands_in_cloudwatch_logs(world: World) -> None:
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/ecs/talk")
    options = {
        "awslogs-group": "/ecs/talk",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "web",
    }
    world.register(
        "talk",
        "/bin/busybox",
        "sh",
        "-c",
        "for i in 1 2 3; do echo line $i; done",
        container={"logConfiguration": {"logDriver": "awslogs", "options": options}},
    )
    (arn,) = world.run("talk")
    world.reaches(arn, "STOPPED")
    found = world.until(
        lambda: dict(logs.filter_log_events(logGroupName="/ecs/talk")),
        lambda answer: len(answer["events"]) == 3,
    )
    assert [each["message"] for each in found["events"]] == ["line 1", "line 2", "line 3"]
    assert {each["logStreamName"] for each in found["events"]} == {f"web/box/{arn[-32:]}"}


def test_secrets_reach_the_container_and_nobody_else(world: World) -> None:
    ssm, iam = world.client("ssm"), world.client("iam")
    ssm.put_parameter(Name="/app/word", Value="sesame-open", Type="SecureString")
    may = {"Effect": "Allow", "Action": ["ssm:GetParameters", "kms:Decrypt"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    secrets = {"secrets": [{"name": "WORD", "valueFrom": "/app/word"}]}
    world.register("told", *SLEEP, container=secrets)
    (arn,) = world.run("told")
    refused = world.reaches(arn, "STOPPED")
    assert refused["stopCode"] == "TaskFailedToStart"
    assert "ResourceInitializationError" in refused["stoppedReason"]
    assert "ssm:GetParameters" in refused["stoppedReason"]
    iam.put_role_policy(RoleName="execution", PolicyName="secrets", PolicyDocument=policy)
    (arn,) = world.run("told")
    task = world.reaches(arn, "RUNNING")
    assert "WORD=sesame-open" in inside(world, task["containers"][0]["runtimeId"], "env")
    world.client("ecs").stop_task(cluster="demo", task=arn)
    world.reaches(arn, "STOPPED")
    assert "sesame-open" not in world.server.log
