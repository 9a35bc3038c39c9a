"""Volumes of every kind."""

from __future__ import annotations

from pathlib import Path

from registry.ecs.statuses import TaskStatus
from tests.ecs.agent.harness import STAYS, Rig, container, eventually, shell

VOLUME = "moorage-test-shared"


def mounted(path: str, name: str = "v", *, read_only: bool = False) -> list[dict[str, object]]:
    return [{"sourceVolume": name, "containerPath": path, "readOnly": read_only}]


def test_a_folder_of_the_host(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "file").write_text("from the host")
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path / "host")}}]
    payload = rig.running(
        {"mountPoints": mounted("/data")},
        {"name": "side", "mountPoints": mounted("/data", read_only=True)},
        volumes=volumes,
    )
    assert rig.inside(payload, "cat", "/data/file") == "from the host"
    assert "Read-only" in rig.inside(payload, "sh", "-c", "echo > /data/x 2>&1", name="side")


def test_there_are_no_hosts_on_fargate(rig: Rig) -> None:
    volumes = [{"name": "v", "host": {"sourcePath": "/etc"}}]
    ended = rig.stopped({"mountPoints": mounted("/d")}, volumes=volumes, launch_type="FARGATE")
    assert ended.reason == (
        "ResourceInitializationError: volume [v]: host paths do not exist on Fargate"
    )


def test_a_volume_that_the_containers_of_a_task_share_and_that_goes_with_it(rig: Rig) -> None:
    write = shell(f"echo -n shared > /data/file; {STAYS}")
    payload = rig.running(
        {"command": write, "mountPoints": mounted("/data")},
        {"name": "side", "volumesFrom": [{"sourceContainer": "app", "readOnly": True}]},
        {"name": "other", "mountPoints": mounted("/elsewhere")},
        volumes=[{"name": "v", "host": {}}],
        launch_type="FARGATE",
    )
    eventually(lambda: rig.inside(payload, "cat", "/data/file", name="side") == "shared")
    assert rig.inside(payload, "cat", "/elsewhere/file", name="other") == "shared"
    assert "Read-only" in rig.inside(payload, "sh", "-c", "echo > /data/x 2>&1", name="side")
    volumes = rig.engine.volumes(filters={"label": [f"moorage.agent={rig.agent.id}"]})["Volumes"]
    assert [one["Labels"]["com.amazonaws.ecs.task-arn"] for one in volumes] == [payload.arn]
    rig.stop(payload)
    mine = {"label": [f"moorage.agent={rig.agent.id}"]}
    eventually(lambda: not rig.engine.volumes(filters=mine)["Volumes"])


def test_a_volume_of_the_engine_that_outlives_its_tasks(rig: Rig) -> None:
    settings = {"scope": "shared", "autoprovision": True, "driver": "local", "labels": {"a": "b"}}
    volumes = [{"name": VOLUME, "dockerVolumeConfiguration": settings}]
    try:
        first = rig.running(
            {
                "command": shell(f"echo -n kept > /data/file; {STAYS}"),
                "mountPoints": mounted("/data", VOLUME),
            },
            volumes=volumes,
        )
        eventually(lambda: rig.inside(first, "cat", "/data/file") == "kept")
        rig.stop(first)
        second = rig.running({"mountPoints": mounted("/data", VOLUME)}, volumes=volumes)
        assert rig.inside(second, "cat", "/data/file") == "kept"
        assert rig.engine.inspect_volume(VOLUME)["Labels"] == {"a": "b"}
        rig.stop(second)
        for one in (first, second):
            rig.engine.remove_container(rig.shown(one)["Id"])
    finally:
        rig.engine.remove_volume(VOLUME, force=True)


def test_a_shared_volume_that_is_not_to_be_made(rig: Rig) -> None:
    volumes = [{"name": "nowhere", "dockerVolumeConfiguration": {"scope": "shared"}}]
    points = [{"sourceVolume": "nowhere", "containerPath": "/d"}]
    ended = rig.stopped({"mountPoints": points}, volumes=volumes)
    assert "volume [nowhere] does not exist" in (ended.reason or "")


def test_a_file_system_is_a_folder_that_tasks_share(rig: Rig) -> None:
    def volume(root: str) -> list[dict[str, object]]:
        return [{"name": "v", "efsVolumeConfiguration":
                 {"fileSystemId": "fs-1", "rootDirectory": root}}]  # fmt: skip

    write = shell(f"echo -n everywhere > /data/file; {STAYS}")
    first = rig.running({"command": write, "mountPoints": mounted("/data")}, volumes=volume("/a"))
    file = rig.folder / "efs" / "fs-1" / "a" / "file"
    eventually(lambda: file.exists() and file.read_text() == "everywhere")
    second = rig.running({"mountPoints": mounted("/all")}, volumes=volume("/"))
    assert rig.inside(second, "cat", "/all/a/file") == "everywhere"
    outside = rig.stopped({"mountPoints": mounted("/d")}, volumes=volume("/../fs-2"))
    assert "the root directory leads outside" in (outside.reason or "")
    rig.stop(first)
    assert file.read_text() == "everywhere"


def test_a_volume_that_the_engine_does_not_make(rig: Rig) -> None:
    settings = {"scope": "shared", "autoprovision": True}
    volumes = [{"name": "v", "dockerVolumeConfiguration": settings}]
    payload = rig.run({"mountPoints": mounted("/d")}, volumes=volumes)
    ended = rig.plane.reaches(payload.arn, TaskStatus.STOPPED)
    assert (container(ended).reason or "").startswith(
        "ResourceInitializationError: failed to create volume [v]: Error response from daemon: "
    )
