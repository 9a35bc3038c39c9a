from __future__ import annotations

from typing import Any

import pytest

from tests.iam.client import refused

LISTINGS = {
    "list_ssh_public_keys": "SSHPublicKeys",
    "list_mfa_devices": "MFADevices",
    "list_signing_certificates": "Certificates",
    "list_service_specific_credentials": "ServiceSpecificCredentials",
}


@pytest.mark.parametrize(("operation", "member"), LISTINGS.items())
def test_a_user_has_none(iam: Any, operation: str, member: str) -> None:
    listing = getattr(iam, operation)
    for parameters in ({}, {"UserName": "admin"}):
        assert listing(**parameters)[member] == []
    with refused("NoSuchEntity", "The user with name none cannot be found."):
        listing(UserName="none")


def test_the_account_has_none(iam: Any) -> None:
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Any")["VirtualMFADevices"] == []
    found = iam.list_service_specific_credentials(AllUsers=True)
    assert found["ServiceSpecificCredentials"] == []


def test_nobody_has_a_password(iam: Any) -> None:
    for operation in (iam.get_login_profile, iam.delete_login_profile):
        with refused("NoSuchEntity", "Login Profile for User admin cannot be found."):
            operation(UserName="Admin")
        with refused("NoSuchEntity", "The user with name none cannot be found."):
            operation(UserName="none")
