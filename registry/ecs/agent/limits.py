"""How much a container may use, and what it may do with the kernel.

Sources: API reference, ContainerDefinition, LinuxParameters; amazon-ecs-agent,
`agent/api/task/task.go` (`getDockerResources`) and `task_linux.go`; Docker Engine API,
HostConfig.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from registry.ecs.agent.collaborators import Unavailable

MIB = 1024 * 1024
LEAST_SHARES, MOST_SHARES = 2, 262144
LEAST_MEMORY = 6 * MIB
"""What the engine demands."""


def resources(task: Mapping[str, Any], definition: Mapping[str, Any], cores: int) -> dict[str, Any]:
    """The limits of one container on an engine with so many cores. The limits of its task
    bound it too."""
    found: dict[str, Any] = {
        "CpuShares": min(max(definition.get("cpu") or 0, LEAST_SHARES), MOST_SHARES)
    }
    if units := task_cpu(task):
        found["NanoCpus"] = min(int(units / 1024 * 1e9), cores * 10**9)
    limit = definition.get("memory") or task_memory(task)
    if limit:
        found["Memory"] = max(limit * MIB, LEAST_MEMORY)
    if soft := definition.get("memoryReservation"):
        found["MemoryReservation"] = soft * MIB
    found["Ulimits"] = [
        {"Name": one["name"], "Soft": one["softLimit"], "Hard": one["hardLimit"]}
        for one in definition.get("ulimits") or ()
    ]
    found.update(_swap(definition.get("linuxParameters") or {}, found.get("Memory")))
    return found


def _swap(linux: Mapping[str, Any], memory: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if linux.get("maxSwap") is not None and memory:
        found["MemorySwap"] = memory + linux["maxSwap"] * MIB
        if linux.get("swappiness") is not None:
            found["MemorySwappiness"] = linux["swappiness"]
    return found


def task_cpu(task: Mapping[str, Any]) -> int:
    """The task's CPU in units of 1/1024 core; it may be written `512`, `.5 vCPU`, `1 vcpu`."""
    text = str(task.get("cpu") or "").strip().lower()
    if text.endswith("vcpu"):
        return int(float(text.removesuffix("vcpu").strip()) * 1024)
    return int(text) if text else 0


def task_memory(task: Mapping[str, Any]) -> int:
    """The task's memory in MiB; it may be written `512`, `1 GB`."""
    text = str(task.get("memory") or "").strip().lower()
    if text.endswith("gb"):
        return int(float(text.removesuffix("gb").strip()) * 1024)
    return int(re.sub(r"\D", "", text) or 0)


def kernel(definition: Mapping[str, Any], *, fargate: bool) -> dict[str, Any]:
    """Capabilities, devices, tmpfs, kernel parameters and the like."""
    linux = definition.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    found: dict[str, Any] = {
        "CapAdd": list(capabilities.get("add") or ()),
        "CapDrop": list(capabilities.get("drop") or ()),
        "Devices": [_device(one) for one in linux.get("devices") or ()],
        "SecurityOpt": list(definition.get("dockerSecurityOptions") or ()),
        "ReadonlyRootfs": bool(definition.get("readonlyRootFilesystem")),
        "Privileged": bool(definition.get("privileged")) and not fargate,
        "Tmpfs": {one["containerPath"]: _tmpfs(one) for one in linux.get("tmpfs") or ()},
    }
    if linux.get("initProcessEnabled"):
        found["Init"] = True
    if size := linux.get("sharedMemorySize"):
        found["ShmSize"] = size * MIB
    if count := _gpus(definition):
        found["DeviceRequests"] = [{"Driver": "nvidia", "Count": count, "Capabilities": [["gpu"]]}]
    return found


def _device(device: Mapping[str, Any]) -> dict[str, str]:
    letters = {"read": "r", "write": "w", "mknod": "m"}
    given = device.get("permissions") or list(letters)
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": "".join(letters[one] for one in letters if one in given),
    }


def _tmpfs(tmpfs: Mapping[str, Any]) -> str:
    return ",".join([*(tmpfs.get("mountOptions") or ()), f"size={tmpfs['size']}m"])


def _gpus(definition: Mapping[str, Any]) -> int:
    for one in definition.get("resourceRequirements") or ():
        if one["type"] == "GPU":
            return int(one["value"])
    return 0


def check_gpus(definition: Mapping[str, Any], information: Mapping[str, Any]) -> None:
    """Raises Unavailable where GPUs are asked for and the engine has no runtime for them."""
    devices = information.get("DiscoveredDevices") or ()
    able = "nvidia" in (information.get("Runtimes") or {}) or devices
    if _gpus(definition) and not able:
        raise Unavailable("GPU requirements cannot be met: the engine has no nvidia runtime")


def sysctls(definition: Mapping[str, Any]) -> dict[str, str]:
    """`systemControls`, by the name of the parameter."""
    found = definition.get("systemControls") or ()
    return {one["namespace"]: str(one["value"]) for one in found}
