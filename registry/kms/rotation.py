"""KMS's operations on the rotation of keys.

Source: KMS API reference, EnableKeyRotation, RotateKeyOnDemand, ListKeyRotations; KMS Developer
Guide, "Rotate AWS KMS keys".
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.keys.making import YEAR
from registry.keys.ring import KeyState, KeyVersion, MasterKey, Rotation
from registry.keys.ringjson import SECRET_SIZE
from registry.kms.errors import usable
from registry.kms.service import Operations, kms, material_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context

ON_DEMAND_MAX = 25
"""Rotations on demand of one key."""
PAGE = 100


class RotationOperations(Operations):
    """Automatic rotation, and rotation at once."""

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def enable_key_rotation(
        self, context: Context, *, key_id: str, rotation_period_in_days: int = YEAR
    ) -> None:
        """Rotate the key every so many days from now on."""
        days = rotation_period_in_days

        def change(key: MasterKey) -> MasterKey:
            _check_customer(usable(key))
            if key.rotation is not None and key.rotation.days == days:
                return key
            return replace(key, rotation=Rotation(days, self._keys.now() + timedelta(days=days)))

        self._change(context, key_id, change)

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def disable_key_rotation(self, context: Context, *, key_id: str) -> None:
        """Rotate the key only when somebody says so."""

        def change(key: MasterKey) -> MasterKey:
            _check_customer(usable(key))
            return replace(key, rotation=None)

        self._change(context, key_id, change)

    @kms.operation(resource=Operations.key_arn, conditions=Operations.key_conditions)
    def get_key_rotation_status(self, context: Context, *, key_id: str) -> Mapping[str, Any]:
        """Whether the key is rotated, how often, and when next."""
        key = self._key(context, key_id)
        rotation = None if key.state is KeyState.PENDING_DELETION else key.rotation
        found = {"KeyId": key.key_id, "KeyRotationEnabled": rotation is not None}
        if rotation is None:
            return found
        return {
            **found,
            "RotationPeriodInDays": rotation.days,
            "NextRotationDate": rotation.next,
        }

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def rotate_key_on_demand(self, context: Context, *, key_id: str) -> Mapping[str, Any]:
        """Make a new version now; the schedule stays as it is."""
        material = os.urandom(SECRET_SIZE)

        def change(key: MasterKey) -> MasterKey:
            _check_customer(usable(key))
            if sum(not each.automatic for each in key.versions[1:]) >= ON_DEMAND_MAX:
                message = f"{key.arn} was rotated on demand {ON_DEMAND_MAX} times already"
                raise ServiceError("LimitExceededException", message)
            return key.rotated(material, self._keys.now())

        return {"KeyId": self._change(context, key_id, change).key_id}

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def list_key_rotations(
        self,
        context: Context,
        *,
        key_id: str,
        include_key_material: str = "ROTATIONS_ONLY",
        limit: int = PAGE,
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        """The versions of the key, the first one only where asked for."""
        key = self._key(context, key_id)
        first = 0 if include_key_material == "ALL_KEY_MATERIAL" else 1
        found, more = self._page(
            f"rotations {key.arn} {first} {context.caller.arn}",
            key.versions[first:],
            lambda version: f"{version.number:010}",
            marker=marker,
            limit=limit,
        )
        return {"Rotations": [_described(key, each) for each in found], **more}


def _described(key: MasterKey, version: KeyVersion) -> dict[str, Any]:
    current = version is key.versions[-1]
    found: dict[str, Any] = {
        "KeyId": key.key_id,
        "KeyMaterialId": material_id(key, version.number),
        "KeyMaterialState": "CURRENT" if current else "NON_CURRENT",
    }
    if version is key.versions[0]:
        return found
    kind = "AUTOMATIC" if version.automatic else "ON_DEMAND"
    return {**found, "RotationDate": version.created, "RotationType": kind}


def _check_customer(key: MasterKey) -> None:
    if key.managed:
        message = f"{key.arn} is rotated every year; that cannot be changed"
        raise ServiceError("UnsupportedOperationException", message)
