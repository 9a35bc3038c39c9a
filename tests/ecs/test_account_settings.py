"""Account settings, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.ecs.control.account_settings import DEFAULTS, VALUES
from registry.ecs.service import ecs as declared
from tests.application import ACCOUNT, Registry, allow
from tests.ecs.test_clusters import error

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ADA = f"arn:aws:iam::{ACCOUNT}:user/ada"


def test_every_setting_of_the_model_is_known() -> None:
    shape: Any = declared.model.shape_for("SettingName")
    assert set(VALUES) == set(DEFAULTS) == set(shape.enum)


def test_ones_own_stands_before_the_default_of_the_account(ecs: Any) -> None:
    assert ecs.list_account_settings()["settings"] == []
    put = ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]
    assert put == {
        "name": "containerInsights",
        "value": "enabled",
        "principalArn": ROOT,
        "type": "user",
    }
    ecs.put_account_setting(name="containerInsights", value="disabled")
    ecs.put_account_setting(name="containerInsights", value="enhanced")
    (mine,) = ecs.list_account_settings()["settings"]
    assert mine["value"] == "enhanced"
    assert mine["principalArn"].endswith("user/admin")
    chosen = {"name": "containerInsights", "effectiveSettings": True}
    (hers,) = ecs.list_account_settings(principalArn=ADA, **chosen)["settings"]
    assert (hers["value"], hers["principalArn"]) == ("enabled", ROOT)
    gone = ecs.delete_account_setting(name="containerInsights")["setting"]
    assert gone["value"] == "enabled"
    assert ecs.list_account_settings()["settings"] == []


def test_effective_settings_are_all_there_are_page_by_page(ecs: Any) -> None:
    pages = ecs.get_paginator("list_account_settings").paginate(
        effectiveSettings=True, PaginationConfig={"PageSize": 4}
    )
    found = [[each["name"] for each in page["settings"]] for page in pages]
    assert [name for page in found for name in page] == sorted(DEFAULTS)
    assert [len(page) for page in found] == [4, 4, 3]
    off = ecs.list_account_settings(effectiveSettings=True, value="off")["settings"]
    assert [(each["name"], each["type"]) for each in off] == [("guardDutyActivate", "aws_managed")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("containerInsights", "maybe"),
        ("fargateTaskRetirementWaitPeriod", "3"),
        ("taskLongArnFormat", "disabled"),
        ("guardDutyActivate", "on"),
    ],
)
def test_values_that_cannot_be_are_refused(ecs: Any, name: str, value: str) -> None:
    for put in (ecs.put_account_setting, ecs.put_account_setting_default):
        with pytest.raises(ClientError) as caught:
            put(name=name, value=value)
        assert error(caught)[0] == "InvalidParameterException"
    assert ecs.list_account_settings()["settings"] == []


def test_principals_are_of_this_account_and_permitted(registry: Registry, ecs: Any) -> None:
    for principal in ("ada", ADA.replace(ACCOUNT, "999999999999"), "arn:aws:s3:::x"):
        with pytest.raises(ClientError) as caught:
            ecs.list_account_settings(principalArn=principal)
        assert error(caught)[0] == "InvalidParameterException"
    key = registry.user("ada", allow("ecs:ListAccountSettings"))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    assert hers.list_account_settings()["settings"] == []
    with pytest.raises(ClientError) as caught:
        hers.put_account_setting(name="awsvpcTrunking", value="enabled")
    assert error(caught)[0] == "AccessDeniedException"
