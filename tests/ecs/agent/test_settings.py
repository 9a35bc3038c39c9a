"""What a container definition asks for is what its container gets, seen from inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.ecs.agent.names import Names
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.agent.shaping import Shape, configuration
from registry.ecs.statuses import TaskStatus
from tests.ecs.agent.conftest import box
from tests.ecs.agent.harness import SHELL, STAYS, Rig, container, shell
from tests.images import Blob, Image
from tests.upstream.fake import FakeRegistry


def test_command_user_folder_and_environment(rig: Rig) -> None:
    rig.others.secrets = {"TOKEN": "hidden", "NAME": "of the secret"}
    rig.others.environment = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"}
    payload = rig.running(
        {
            "entryPoint": list(SHELL),
            "command": [STAYS],
            "environment": [{"name": "GREETING", "value": "hello = world"}, {"name": "EMPTY"}],
            "secrets": [{"name": "TOKEN", "valueFrom": "arn:1"}],
            "user": "1234:4321",
            "workingDirectory": "/bin",
            "interactive": True,
            "pseudoTerminal": True,
        }
    )
    variables = rig.inside(payload, "env").splitlines()
    assert "GREETING=hello = world" in variables
    assert "TOKEN=hidden" in variables
    assert "EMPTY=" in variables
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/1" in variables
    assert rig.inside(payload, "id", "-u").strip() == "1234"
    assert rig.inside(payload, "id", "-g").strip() == "4321"
    assert rig.inside(payload, "pwd").strip() == "/bin"
    shown = rig.shown(payload)["Config"]
    assert (shown["OpenStdin"], shown["Tty"]) == (True, True)


def test_what_it_may_do_with_the_kernel(rig: Rig) -> None:
    payload = rig.running(
        {
            "readonlyRootFilesystem": True,
            "dockerSecurityOptions": ["no-new-privileges"],
            "ulimits": [{"name": "nofile", "softLimit": 321, "hardLimit": 654}],
            "systemControls": [{"namespace": "kernel.msgmax", "value": "4321"}],
            "linuxParameters": {
                "initProcessEnabled": True,
                "sharedMemorySize": 16,
                "capabilities": {"add": ["SYS_PTRACE"], "drop": ["CHOWN", "MKNOD"]},
                "devices": [
                    {"hostPath": "/dev/null", "containerPath": "/dev/nothing",
                     "permissions": ["read"]}
                ],
                "tmpfs": [{"containerPath": "/scratch", "size": 4, "mountOptions": ["noexec"]}],
            },
        }
    )  # fmt: skip
    assert "Read-only" in rig.inside(payload, "sh", "-c", "echo > /file 2>&1")
    status = rig.inside(payload, "cat", "/proc/1/status")
    capabilities = int(_field(status, "CapBnd"), 16)
    assert capabilities & (1 << 19), "SYS_PTRACE was added"
    assert not capabilities & (1 << 0 | 1 << 27), "CHOWN and MKNOD were dropped"
    assert _field(status, "NoNewPrivs") == "1"
    limits = rig.inside(payload, "cat", "/proc/1/limits")
    assert "321                  654" in limits
    assert rig.inside(payload, "cat", "/proc/sys/kernel/msgmax").strip() == "4321"
    assert "docker-init" in rig.inside(payload, "cat", "/proc/1/cmdline")
    mounts = rig.inside(payload, "cat", "/proc/mounts")
    assert "size=16384k" in next(line for line in mounts.splitlines() if " /dev/shm " in line)
    scratch = next(line for line in mounts.splitlines() if " /scratch " in line)
    assert "noexec" in scratch
    assert "size=4096k" in scratch
    device = rig.shown(payload)["HostConfig"]["Devices"][0]
    assert (device["PathInContainer"], device["CgroupPermissions"]) == ("/dev/nothing", "r")
    assert rig.inside(payload, "cat", "/dev/nothing") == ""


def _field(status: str, name: str) -> str:
    return next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))


@pytest.mark.parametrize(("launch_type", "privileged"), [("EC2", True), ("FARGATE", False)])
def test_a_privileged_container(rig: Rig, launch_type: str, privileged: bool) -> None:
    payload = rig.payload({"privileged": True}, launch_type=launch_type)
    shape = Shape(
        payload=payload,
        definition=payload.definition["containerDefinitions"][0],
        image="image",
        names=Names("agent"),
        settings=AgentSettings(),
        cores=1,
    )
    assert configuration(shape)["HostConfig"]["Privileged"] is privileged


def test_how_much_it_may_use(rig: Rig) -> None:
    payload = rig.running(
        {"cpu": 512, "memory": 64, "memoryReservation": 32,
         "linuxParameters": {"maxSwap": 0}},
        {"name": "side"},
        cpu="256", memory="128",
    )  # fmt: skip
    host = rig.shown(payload)["HostConfig"]
    assert host["CpuShares"] == 512
    assert host["Memory"] == host["MemorySwap"] == 64 * 1024**2
    assert host["MemoryReservation"] == 32 * 1024**2
    assert host["NanoCpus"] == 250_000_000
    side = rig.shown(payload, "side")["HostConfig"]
    assert (side["CpuShares"], side["Memory"]) == (2, 128 * 1024**2)


def test_a_task_is_bounded_as_a_whole(rig: Rig) -> None:
    payload = rig.running({}, {"name": "side"}, cpu="512", memory="48")
    parent = rig.shown(payload)["HostConfig"]["CgroupParent"]
    if not parent:
        driver = rig.engine.info()["CgroupDriver"]
        assert driver != "cgroupfs" or not _writable(), "it could have been bounded as a whole"
        return
    assert rig.shown(payload, "side")["HostConfig"]["CgroupParent"] == parent
    root = Path("/sys/fs/cgroup")
    found = [
        *root.glob(f"memory{parent}/memory.limit_in_bytes"),
        *root.glob(f"{parent[1:]}/memory.max"),
    ]
    assert [int(file.read_text()) for file in found] == [48 * 1024**2]
    assert payload.id in parent


def _writable() -> bool:
    root = Path("/sys/fs/cgroup")
    try:
        (root / "moorage-probe").mkdir()
        (root / "moorage-probe").rmdir()
    except OSError:
        return False
    return True


def test_output_goes_to_files_of_a_limited_size(rig: Rig) -> None:
    payload = rig.running({}, {"name": "side", "logConfiguration": {"logDriver": "none"}})
    logs = rig.shown(payload)["HostConfig"]["LogConfig"]
    assert logs == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert rig.shown(payload, "side")["HostConfig"]["LogConfig"]["Type"] == "none"


def test_the_stop_signal_is_the_images(rig: Rig, registry_of_images: FakeRegistry) -> None:
    registry_of_images.hold("signalled", with_stop_signal(box(), "SIGUSR1"), "1")
    image = f"{registry_of_images.address}/signalled:1"
    script = "trap 'exit 5' USR1; while :; do /bin/busybox sleep 0.1; done"
    ended = rig.stop(rig.running({"image": image, "command": shell(script)}))
    assert container(ended).exit_code == 5


def with_stop_signal(image: Image, signal: str) -> Image:
    described, *layers = image.blobs
    settings = json.loads(described.content)
    settings["config"]["StopSignal"] = signal
    changed = Blob(json.dumps(settings).encode(), described.media_type)
    manifest = {**json.loads(image.manifest), "config": changed.descriptor()}
    return Image(json.dumps(manifest).encode(), image.media_type, (changed, *layers))


def test_gpus_that_are_not_there(rig: Rig) -> None:
    if "nvidia" in rig.engine.info()["Runtimes"]:
        return
    ended = rig.stopped({"resourceRequirements": [{"type": "GPU", "value": "1"}]})
    assert ended.status is TaskStatus.STOPPED
    assert ended.reason == (
        "ResourceInitializationError: "
        "GPU requirements cannot be met: the engine has no nvidia runtime"
    )


def test_what_the_settings_are_without_being_set() -> None:
    settings = AgentSettings()
    assert (settings.cleanup_seconds, settings.stop_seconds) == (3 * 3600, 30)
