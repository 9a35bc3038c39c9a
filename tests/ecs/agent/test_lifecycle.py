"""Tasks from their beginning to their end, on a real engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.ecs.agent.local import EngineTaken, LocalAgent
from registry.ecs.statuses import (
    ContainerStatus,
    DesiredStatus,
    HealthStatus,
    StopCode,
    TaskStatus,
)
from tests.ecs.agent.conftest import box
from tests.ecs.agent.harness import (
    BUSYBOX,
    STAYS,
    Rig,
    container,
    eventually,
    exit_codes,
    shell,
)
from tests.upstream.fake import FakeRegistry


def test_a_task_runs_and_stops(rig: Rig, registry_of_images: FakeRegistry) -> None:
    payload = rig.running({})
    state = rig.plane.tasks[payload.arn]
    one = container(state)
    assert one.status is ContainerStatus.RUNNING
    assert one.image_digest == registry_of_images.manifests["box", "1"].digest
    assert one.runtime_id == rig.shown(payload)["Id"]
    assert state.pull_started_at is not None
    assert state.pull_stopped_at is not None
    assert state.pull_started_at <= state.pull_stopped_at <= datetime.now(UTC)
    ended = rig.stop(payload)
    assert exit_codes(ended) == {"app": 0}
    assert (ended.stop_code, ended.reason) == (None, None)
    assert ended.execution_stopped_at is not None
    assert datetime.now(UTC) - ended.execution_stopped_at < timedelta(minutes=5)
    assert rig.plane.statuses(payload.arn) == [
        TaskStatus.PENDING,
        TaskStatus.RUNNING,
        TaskStatus.STOPPING,
        TaskStatus.STOPPED,
    ]
    eventually(lambda: rig.others.left == [payload.arn])


def test_a_container_carries_the_agents_labels(rig: Rig) -> None:
    payload = rig.running({"dockerLabels": {"team": "blue"}})
    shown = rig.shown(payload)
    labels = shown["Config"]["Labels"]
    assert shown["Name"].startswith("/ecs-web-3-app-")
    assert labels == {
        "team": "blue",
        "com.amazonaws.ecs.task-arn": payload.arn,
        "com.amazonaws.ecs.container-name": "app",
        "com.amazonaws.ecs.cluster": "demo",
        "com.amazonaws.ecs.task-definition-family": "web",
        "com.amazonaws.ecs.task-definition-version": "3",
        "moorage.agent": rig.agent.id,
    }


def test_an_essential_container_that_exits_takes_the_others_with_it(rig: Rig) -> None:
    after = [{"containerName": "side", "condition": "START"}]
    script = "/bin/busybox sleep 0.5; exit 3"
    ended = rig.stopped(
        {"command": shell(script), "dependsOn": after}, {"name": "side", "stopTimeout": 2}
    )
    assert ended.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert ended.reason == "Essential container in task exited"
    assert exit_codes(ended)["app"] == 3
    # The other one was asked to stop, or did not listen yet.
    assert exit_codes(ended)["side"] in {0, 137}


def test_the_stop_timeout_ends_with_sigkill(rig: Rig) -> None:
    deaf = {"command": shell("trap '' TERM; while :; do /bin/busybox sleep 0.1; done")}
    ended = rig.stop(rig.running({**deaf, "stopTimeout": 2}))
    assert exit_codes(ended) == {"app": 137}


def test_containers_wait_for_each_other_and_stop_the_other_way_round(rig: Rig) -> None:
    healthy = {"command": ["CMD", BUSYBOX, "true"], "interval": 5, "timeout": 2, "retries": 2}
    payload = rig.running(
        {"name": "first", "essential": False, "command": shell("exit 0")},
        {"name": "second", "healthCheck": healthy,
         "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}]},
        {"name": "third", "dependsOn": [{"containerName": "second", "condition": "HEALTHY"}]},
    )  # fmt: skip
    shown = rig.agent.inspect(payload.arn)
    began = {name: one["State"]["StartedAt"] for name, one in shown.items()}
    assert shown["first"]["State"]["FinishedAt"] < began["second"] < began["third"]
    rig.plane.until(
        lambda: container(rig.plane.tasks[payload.arn], "second").health is HealthStatus.HEALTHY
    )
    rig.stop(payload)
    ended = {n: one["State"]["FinishedAt"] for n, one in rig.agent.inspect(payload.arn).items()}
    assert ended["third"] < ended["second"]


def test_an_unhealthy_task_of_a_service_stops(rig: Rig) -> None:
    ill = {"command": ["CMD", BUSYBOX, "false"], "interval": 1, "timeout": 1, "retries": 1}
    ended = rig.stopped({"healthCheck": ill}, service_name="web")
    assert ended.reason == "Task failed container health checks"


def test_an_image_that_is_not_there(rig: Rig, registry_of_images: FakeRegistry) -> None:
    missing = f"{registry_of_images.address}/missing:1"
    ended = rig.stopped({"image": missing})
    assert (ended.stop_code, ended.reason) == (
        StopCode.TASK_FAILED_TO_START,
        "Task failed to start",
    )
    reason = container(ended).reason or ""
    assert reason.startswith("CannotPullContainerError: Error response from daemon: ")
    assert "404" in reason
    fargate = rig.stopped({"image": missing}, launch_type="FARGATE")
    assert (fargate.reason or "").startswith("CannotPullContainerError: ")


def test_a_command_that_is_not_there(rig: Rig) -> None:
    ended = rig.stopped({"entryPoint": ["/nowhere"]})
    assert ended.stop_code is StopCode.TASK_FAILED_TO_START
    reason = container(ended).reason or ""
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")
    assert "/nowhere" in reason


def test_settings_that_the_engine_refuses(rig: Rig) -> None:
    ended = rig.stopped({"mountPoints": [{"sourceVolume": "v", "containerPath": "relative"}]},
                        volumes=[{"name": "v", "host": {}}])  # fmt: skip
    reason = container(ended).reason or ""
    assert reason.startswith("CannotCreateContainerError: Error response from daemon: ")


def test_a_secret_that_is_not_to_be_had(rig: Rig) -> None:
    rig.others.refusal = "unable to pull secrets or registry auth: access denied"
    ended = rig.stopped({"secrets": [{"name": "TOKEN", "valueFrom": "token"}]})
    assert ended.reason == (
        "ResourceInitializationError: unable to pull secrets or registry auth: access denied"
    )


def test_a_failure_that_nobody_foresaw_is_not_repeated_for_ever(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    # No such key among the secrets: a collaborator breaks, again and again.
    ended = rig.stopped({"secrets": [{"name": "NOWHERE", "valueFrom": "token"}]})
    assert container(ended).reason == "CannotCreateContainerError: 'NOWHERE'"
    assert caplog.text.count("KeyError: 'NOWHERE'") == 5


def test_logs_that_cannot_be_shipped(rig: Rig) -> None:
    rig.others.log_refusal = "failed to initialize logging driver: no such group"
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}
    ended = rig.stopped({"logConfiguration": logs})
    assert container(ended).reason == (
        "CannotStartContainerError: failed to initialize logging driver: no such group"
    )


def test_logs_are_followed_before_the_start_and_drained_before_the_end(rig: Rig) -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}
    payload = rig.running({"logConfiguration": logs}, launch_type="FARGATE")
    runtime_id = rig.shown(payload)["Id"]
    assert rig.others.followed == [("app", runtime_id)]
    rig.stop(payload)
    eventually(lambda: rig.others.drained == [runtime_id])


def test_out_of_memory(rig: Rig) -> None:
    greedy = "x=0123456789abcdef; while :; do x=$x$x; done"
    ended = rig.stopped({"command": shell(greedy), "memory": 16})
    assert container(ended).reason == "OutOfMemoryError: Container killed due to memory usage"
    assert exit_codes(ended) == {"app": 137}


def test_given_again_a_task_is_not_begun_again(rig: Rig) -> None:
    payload = rig.payload({})
    rig.agent.accept([payload, payload])
    rig.plane.reaches(payload.arn, TaskStatus.RUNNING)
    before = rig.shown(payload)["Id"]
    rig.agent.accept([payload])
    rig.agent.accept([replace(payload, tags={"a": "b"})])
    assert rig.shown(payload)["Id"] == before
    assert len(rig.containers()) == 1
    rig.stop(payload)
    rig.agent.accept([payload])
    assert rig.others.known[payload.arn].desired_status is DesiredStatus.STOPPED
    assert len(rig.containers()) == 1
    assert rig.shown(payload)["State"]["Running"] is False


def test_a_task_that_is_to_stop_at_once_never_starts(rig: Rig) -> None:
    payload = replace(rig.payload({}), desired_status=DesiredStatus.STOPPED)
    rig.agent.accept([payload])
    ended = rig.plane.reaches(payload.arn, TaskStatus.STOPPED)
    assert exit_codes(ended) == {"app": None}
    assert rig.containers() == []


def test_a_container_removed_by_hand(rig: Rig) -> None:
    payload = rig.running({})
    rig.engine.remove_container(rig.shown(payload)["Id"], force=True)
    ended = rig.plane.reaches(payload.arn, TaskStatus.STOPPED)
    assert ended.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED


def test_what_a_stopped_fargate_task_leaves_goes_at_once(rig: Rig) -> None:
    volumes = [{"name": "data"}]
    points = [{"sourceVolume": "data", "containerPath": "/data"}]
    payload = rig.running({"mountPoints": points}, volumes=volumes, launch_type="FARGATE")
    assert len(rig.containers()) == 2
    mine = {"label": [f"moorage.agent={rig.agent.id}"]}
    assert len(rig.engine.volumes(filters=mine)["Volumes"]) == 1
    rig.stop(payload)
    eventually(lambda: not rig.containers())
    eventually(lambda: not rig.engine.volumes(filters=mine)["Volumes"])
    rig.agent.forget([payload.arn])
    eventually(lambda: rig.agent.tasks() == [])


def test_a_stopped_task_on_ec2_can_be_looked_at_for_a_while(rig: Rig) -> None:
    payload = rig.running({"command": shell(f"echo here; {STAYS}")})
    rig.stop(payload)
    rig.agent.forget([payload.arn])
    assert "here" in rig.output(payload)
    assert rig.agent.tasks() == [payload.arn]


def test_containers_of_tasks_that_nobody_knows_are_removed(rig: Rig) -> None:
    payload = rig.running({})
    labels = rig.shown(payload)["Config"]["Labels"]
    stranger = {**labels, "com.amazonaws.ecs.task-arn": "arn:aws:ecs:::task/demo/unknown"}
    image = rig.shown(payload)["Image"]
    body = {"Image": image, "Cmd": ["sleep", "600"], "Labels": stranger}
    of_another = {**body, "Labels": {**stranger, "moorage.agent": "another"}}
    removed = rig.engine.create_container_from_config(body)["Id"]  # type: ignore[no-untyped-call]  # left out of its types
    kept = rig.engine.create_container_from_config(of_another)["Id"]  # type: ignore[no-untyped-call]  # left out of its types
    eventually(lambda: removed not in {one["Id"] for one in rig.engine.containers(all=True)})
    assert kept in {one["Id"] for one in rig.engine.containers(all=True)}
    rig.engine.remove_container(kept, force=True)
    assert rig.shown(payload)["State"]["Running"]


def test_a_tag_that_moved_is_followed_and_a_running_task_keeps_its_image(
    rig: Rig, registry_of_images: FakeRegistry
) -> None:
    name = f"{registry_of_images.address}/moving:1"
    first = registry_of_images.hold("moving", box(one=b"1"), "1")
    before = rig.running({"image": name})
    second = registry_of_images.hold("moving", box(two=b"2"), "1")
    after = rig.running({"image": name})
    digests = [container(rig.plane.tasks[one.arn]).image_digest for one in (before, after)]
    assert digests == [first.digest, second.digest]
    assert rig.shown(before)["Config"]["Image"].endswith(f"/moving@{first.digest}")
    assert rig.shown(after)["Config"]["Image"].endswith(f"/moving@{second.digest}")


def test_a_restart_policy_starts_it_again(rig: Rig) -> None:
    policy = {"enabled": True, "restartAttemptPeriod": 1, "ignoredExitCodes": [9]}
    script = "if [ -e /tmp-ran ]; then exit 9; fi; echo > /tmp-ran; /bin/busybox sleep 1.5; exit 1"
    ended = rig.stopped({"command": shell(script), "restartPolicy": policy})
    assert exit_codes(ended) == {"app": 9}
    assert container(ended).restart_count == 1


def test_a_report_that_is_not_taken_is_made_again(rig: Rig) -> None:
    rig.plane.failures = 2
    rig.running({})


def test_one_agent_for_each_folder(rig: Rig) -> None:
    others = rig.others
    second = LocalAgent(
        engine_url=rig.url, folder=rig.folder, control_plane=rig.plane,
        puller=others, secrets=others, surroundings=others, logs=others,
    )  # fmt: skip
    with pytest.raises(EngineTaken):
        second.start()
    second.close()


def test_it_registers_and_its_heart_beats(rig: Rig) -> None:
    rig.plane.until(lambda: rig.plane.beats)
    assert rig.plane.beats[0] is True
    instance = rig.plane.instances[0]
    resources = {one["name"]: one for one in instance.resources}
    assert resources["CPU"]["integerValue"] >= 1024
    assert resources["MEMORY"]["integerValue"] > 100
    assert "22" in resources["PORTS"]["stringSetValue"]
    attributes = {one["name"]: one.get("value") for one in instance.attributes}
    assert attributes["ecs.os-type"] == "linux"
    assert "com.amazonaws.ecs.capability.logging-driver.awslogs" in attributes
    assert instance.docker_version.startswith("DockerVersion: ")
