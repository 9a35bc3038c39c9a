"""Volumes and where containers mount them.

Source: ECS API reference, Volume, MountPoint, DockerVolumeConfiguration,
EFSVolumeConfiguration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_KINDS = (
    "host",
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
)
_REFUSED = ("fsxWindowsFileServerVolumeConfiguration", "s3filesVolumeConfiguration")


def volume(given: Mapping[str, Any]) -> dict[str, Any]:
    """A volume as it is shown. Raises ServiceError (ClientException)."""
    name = given.get("name", "")
    if not _NAME.fullmatch(name):
        raise client_error("Volume.name contains invalid characters." if name else _BLANK)
    kinds = [kind for kind in _KINDS if given.get(kind)]
    if len(kinds) > 1:
        raise client_error(f"The volume '{name}' can have only one of: {', '.join(kinds)}.")
    for kind in _REFUSED:
        if given.get(kind):
            raise client_error(f"This server has no volumes of the kind {kind}.")
    if given.get("configuredAtLaunch"):
        raise client_error(
            "This server has no Amazon EBS volumes: configuredAtLaunch can't be used."
        )
    found = dict(given)
    if not kinds:
        found["host"] = {}
    if given.get("efsVolumeConfiguration"):
        found["efsVolumeConfiguration"] = _efs(given["efsVolumeConfiguration"])
    if given.get("dockerVolumeConfiguration"):
        _check_docker(name, given["dockerVolumeConfiguration"])
    return found


_BLANK = "Volume.name should not be null or empty."


def _efs(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {"rootDirectory": "/", **given}
    authorization = given.get("authorizationConfig", {})
    encrypted = given.get("transitEncryption") == "ENABLED"
    if authorization.get("iam") == "ENABLED" and not encrypted:
        raise client_error("EFS IAM authorization requires TransitEncryption to be enabled.")
    if authorization.get("accessPointId"):
        if not encrypted:
            raise client_error("EFS access points require TransitEncryption to be enabled.")
        if found["rootDirectory"] != "/":
            raise client_error(
                'When using an EFS access point, the root directory must either be set to "/" or'
                " be omitted."
            )
    return found


def _check_docker(name: str, given: Mapping[str, Any]) -> None:
    if given.get("autoprovision") is not None and given.get("scope", "task") != "shared":
        raise client_error(
            f"The volume '{name}' can have 'autoprovision' only with the scope 'shared'."
        )


def check_mounts(document: Mapping[str, Any]) -> None:
    """Raise ServiceError (ClientException) for volumes named twice, or mounted and missing."""
    names = [each["name"] for each in document["volumes"]]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise client_error(f"Duplicate volume name '{name}'.")
    for container in document["containerDefinitions"]:
        paths = set()
        for mount in container["mountPoints"]:
            source, path = mount.get("sourceVolume", ""), mount.get("containerPath", "")
            if source not in names:
                raise client_error(f"Unknown volume '{source}'.")
            if not path:
                raise client_error("MountPoint.containerPath should not be null or empty.")
            if path in paths:
                raise client_error(
                    f"Duplicate mount point '{path}' for container '{container['name']}'."
                )
            paths.add(path)
