"""ExecuteCommand, with an agent that the test plays; and the tokens that it hands out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError

from registry.ecs.control import instances
from registry.ecs.control.states import States
from registry.ecs.protocol import ContainerStateChange, Instance, TaskStateChange
from registry.ecs.sessions.tickets import Tickets
from registry.ecs.statuses import ContainerStatus, TaskStatus
from registry.ecs.store.tables import session_tickets
from tests.application import ACCOUNT, HOST, REGION, Registry, allow

ENGINE = Instance(
    "default", [{"name": "CPU", "integerValue": 2048}, {"name": "MEMORY", "integerValue": 512}],
    [{"name": "ecs.os-type", "value": "linux"}], "1", "2",
)  # fmt: skip
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"


def error(call: Callable[[], object]) -> tuple[str, str]:
    """The exception that it ends with."""
    with pytest.raises(ClientError) as caught:
        call()
    found = caught.value.response["Error"]
    return found["Code"], found["Message"]


def box(name: str) -> Any:
    return {"name": name, "image": "localhost:5000/box:v1", "memory": 64}


@pytest.fixture
def demo(registry: Registry, ecs: Any) -> Any:
    ecs.create_cluster()
    with registry.ground.ecs.write() as connection:
        instances.keep_local(connection, ENGINE)
    ecs.register_task_definition(family="one", containerDefinitions=[box("app")])
    ecs.register_task_definition(family="two", containerDefinitions=[box("app"), box("log")])
    return ecs


def begun(registry: Registry, ecs: Any, family: str = "one", **members: Any) -> str:
    """A task whose containers run."""
    (task,) = ecs.run_task(taskDefinition=family, **members)["tasks"]
    arn: str = task["taskArn"]
    changes = [
        ContainerStateChange(arn, each["name"], ContainerStatus.RUNNING, runtime_id="ab12")
        for each in task["containers"]
    ]
    States(registry.ground.ecs).submit_task(TaskStateChange(arn, TaskStatus.RUNNING, changes))
    return arn


def asked(task: str, **members: Any) -> dict[str, Any]:
    return {"task": task, "command": "/bin/sh", "interactive": True, **members}


def test_a_session_is_given(registry: Registry, demo: Any) -> None:
    arn = begun(registry, demo, enableExecuteCommand=True)
    found = demo.execute_command(**asked(arn, command="sh -c 'echo a b'"))
    session = found["session"]
    assert session["sessionId"].startswith("ecs-execute-command-")
    assert session["streamUrl"] == f"ws://{HOST}/v1/data-channel/{session['sessionId']}"
    assert found["containerName"] == "app"
    assert found["taskArn"] == arn
    assert found["clusterArn"] == f"{ARN}:cluster/default"
    assert found["containerArn"].startswith(f"{ARN}:container/default/")
    assert found["interactive"] is True
    wanted = Tickets(registry.ground.ecs).redeem(session["sessionId"], session["tokenValue"])
    assert wanted is not None
    assert (wanted.runtime_id, wanted.arguments) == ("ab12", ["sh", "-c", "echo a b"])


def test_a_token_is_good_once_for_its_session_and_for_a_minute(
    registry: Registry, demo: Any
) -> None:
    arn = begun(registry, demo, enableExecuteCommand=True)
    tickets = Tickets(registry.ground.ecs)
    first, other, late = (demo.execute_command(**asked(arn))["session"] for _ in range(3))
    assert tickets.redeem(first["sessionId"], other["tokenValue"]) is None
    assert tickets.redeem(first["sessionId"], first["tokenValue"]) is not None
    assert tickets.redeem(first["sessionId"], first["tokenValue"]) is None
    with registry.ground.ecs.write() as connection:
        assert first["tokenValue"] not in str(connection.execute(sa.select(session_tickets)).all())
        (expires,) = connection.execute(
            sa.select(session_tickets.c.expires_at)
            .where(session_tickets.c.id == late["sessionId"])
        ).one()  # fmt: skip
        past = expires.replace(year=2020)
        connection.execute(sa.update(session_tickets).values(expires_at=past))
    assert tickets.redeem(late["sessionId"], late["tokenValue"]) is None


def test_what_cannot_be_entered_is_refused(registry: Registry, demo: Any) -> None:
    plain = begun(registry, demo)
    two = begun(registry, demo, "two", enableExecuteCommand=True)
    (task,) = demo.run_task(taskDefinition="one", enableExecuteCommand=True)["tasks"]
    refused = "InvalidParameterException"
    for members, said in [
        (asked(two, container="app", interactive=False), "Interactive is the only mode"),
        (asked("no-such"), "task was not found"),
        (asked(plain), "execute command was not enabled"),
        (asked(task["taskArn"]), "isn’t running"),
        (asked(two), "container name is required"),
        (asked(two, container="web"), "no container named web"),
        (asked(two, container="app", command="a 'b"), "split into words"),
        (asked(two, container="app", command=" "), "cannot be empty"),
    ]:
        code, message = error(partial(demo.execute_command, **members))
        assert (code, said in message) == (refused, True), message
    missing = error(lambda: demo.execute_command(**asked(plain, cluster="no")))
    assert missing[0] == "ClusterNotFoundException"
    demo.execute_command(**asked(two, container="log"))


def test_a_container_that_has_ended_is_not_connected(registry: Registry, demo: Any) -> None:
    arn = begun(registry, demo, "two", enableExecuteCommand=True)
    change = ContainerStateChange(arn, "log", ContainerStatus.STOPPED, exit_code=0)
    States(registry.ground.ecs).submit_container(change)
    code, _ = error(lambda: demo.execute_command(**asked(arn, container="log")))
    assert code == "TargetNotConnectedException"


@pytest.mark.parametrize("granted", ["cluster", "task", "both"])
def test_both_the_cluster_and_the_task_must_be_allowed(
    registry: Registry, demo: Any, granted: str
) -> None:
    arn = begun(registry, demo, enableExecuteCommand=True)
    cluster = f"{ARN}:cluster/default"
    resources = {"cluster": [cluster], "task": [arn], "both": [cluster, arn]}[granted]
    key = registry.user(
        "someone", *(allow("ecs:ExecuteCommand", resource=each) for each in resources)
    )
    client: Any = registry.aws("ecs", key.id, key.secret)
    if granted == "both":
        assert client.execute_command(**asked(arn))["session"]["tokenValue"]
    else:
        code, _ = error(lambda: client.execute_command(**asked(arn)))
        assert code == "AccessDeniedException"


def test_of_too_many_tokens_no_more_are_given(
    registry: Registry, demo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = begun(registry, demo, enableExecuteCommand=True)
    monkeypatch.setattr("registry.ecs.sessions.tickets.WAITING_MAX", 1)
    demo.execute_command(**asked(arn))
    code, _ = error(lambda: demo.execute_command(**asked(arn)))
    assert code == "ClientException"


def test_another_accounts_task_is_not_named(registry: Registry, demo: Any) -> None:
    arn = begun(registry, demo, enableExecuteCommand=True)
    key = registry.user("stranger", allow("ecs:*"), account="210987654321")
    client: Any = registry.aws("ecs", key.id, key.secret)
    code, _ = error(lambda: client.execute_command(**asked(arn)))
    assert code in {"InvalidParameterException", "AccessDeniedException"}
