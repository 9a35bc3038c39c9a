from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.app import tend
from registry.keys.local import LocalKeyring
from registry.keys.making import new_key
from registry.keys.ring import ECR_ALIAS, Rotation
from registry.values.scope import Scope
from tests.application import ACCOUNT, REGION, Registry
from tests.ecr.calls import refusal

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def in_days(registry: Registry, days: float) -> None:
    """Let the keyring's clock stand that far from now."""
    now = datetime.now(UTC) + timedelta(days=days)
    registry.ground.keys._clock = lambda: now


def test_rotation_is_enabled_changed_and_disabled(kms: Any, key_id: str) -> None:
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key_id)
    found = kms.get_key_rotation_status(KeyId=key_id)
    assert (found["KeyRotationEnabled"], found["RotationPeriodInDays"]) == (True, 365)
    days = (found["NextRotationDate"] - datetime.now(UTC)) / timedelta(days=1)
    assert 364.9 < days < 365.1
    kms.enable_key_rotation(KeyId=key_id)
    again = kms.get_key_rotation_status(KeyId=key_id)
    assert again["NextRotationDate"] == found["NextRotationDate"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    assert kms.get_key_rotation_status(KeyId=key_id)["RotationPeriodInDays"] == 90
    kms.schedule_key_deletion(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    kms.cancel_key_deletion(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is True
    kms.enable_key(KeyId=key_id)
    kms.disable_key_rotation(KeyId=key_id)
    found = kms.get_key_rotation_status(KeyId=key_id)
    found.pop("ResponseMetadata")
    assert found == {"KeyId": key_id, "KeyRotationEnabled": False}


@pytest.mark.parametrize("days", [89, 2561])
def test_the_period_has_its_bounds(kms: Any, key_id: str, days: int) -> None:
    code, message = refusal(
        lambda: kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=days)
    )
    assert (code, "at 'rotationPeriodInDays' failed" in message) == ("ValidationException", True)


def test_a_key_is_rotated_when_it_is_due_and_its_data_stays_readable(
    registry: Registry, kms: Any, key_id: str
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    due = kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"]
    in_days(registry, 89)
    tend(registry.ground)
    assert kms.list_key_rotations(KeyId=key_id)["Rotations"] == []
    in_days(registry, 91)
    for _ in range(2):
        tend(registry.ground)
    (rotation,) = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert (rotation["RotationType"], rotation["KeyMaterialState"]) == ("AUTOMATIC", "CURRENT")
    later = kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"]
    assert later == due + timedelta(days=90)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_disabled_key_is_rotated_once_it_is_enabled(
    registry: Registry, kms: Any, key_id: str
) -> None:
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    kms.disable_key(KeyId=key_id)
    in_days(registry, 1000)
    tend(registry.ground)
    assert kms.list_key_rotations(KeyId=key_id)["Rotations"] == []
    kms.enable_key(KeyId=key_id)
    tend(registry.ground)
    assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert status["NextRotationDate"] > registry.ground.keys.now()


def test_the_managed_keys_are_rotated_every_year(registry: Registry, kms: Any) -> None:
    managed = registry.ground.keys.resolve(ECR_ALIAS)
    status = kms.get_key_rotation_status(KeyId=managed)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    in_days(registry, 366)
    tend(registry.ground)
    assert [key.versions for key in registry.ground.keys.list() if key.managed] == [2, 2]


def test_rotations_on_demand_are_listed_and_end_at_25(kms: Any, key_id: str) -> None:
    for _ in range(25):
        assert kms.rotate_key_on_demand(KeyId=key_id)["KeyId"] == key_id
    code, _ = refusal(lambda: kms.rotate_key_on_demand(KeyId=key_id))
    assert code == "LimitExceededException"
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key_id, PaginationConfig={"PageSize": 10}
    )
    found = [each for page in pages for each in page["Rotations"]]
    assert len({each["KeyMaterialId"] for each in found}) == len(found) == 25
    assert {each["RotationType"] for each in found} == {"ON_DEMAND"}
    states = [each["KeyMaterialState"] for each in found]
    assert states == ["NON_CURRENT"] * 24 + ["CURRENT"]
    everything = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    first = everything["Rotations"][0]
    assert "RotationDate" not in first
    assert len(everything["Rotations"]) == 26


def test_of_many_at_once_one_rotates(tmp_path: Path) -> None:
    """Each has opened the file for itself, as workers do."""
    path = tmp_path / "keyring.json"
    first = LocalKeyring(path, ACCOUNT, REGION, clock=lambda: NOW)
    key = replace(new_key(NOW, Scope(ACCOUNT, REGION)), rotation=Rotation(90, NOW))
    first.edit(lambda ring: ring.added(key))
    rings = [LocalKeyring(path, ACCOUNT, REGION, clock=lambda: NOW) for _ in range(8)]
    done: list[tuple[str, ...]] = []
    threads = [
        threading.Thread(target=lambda ring=ring: done.append(ring.rotate_due())) for ring in rings
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [()] * 7 + [(key.key_id,)]
    assert first.describe(key.key_id).versions == 2


@given(days=st.integers(90, 2560), late=st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_the_next_date_is_the_first_of_the_schedule_that_is_to_come(
    days: int, late: timedelta
) -> None:
    now = NOW + late
    found = Rotation(days, NOW).after(now)
    assert now < found.next <= now + timedelta(days=days)
    assert (found.next - NOW) % timedelta(days=days) == timedelta(0)
