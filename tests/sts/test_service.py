from __future__ import annotations

from tests.application import ACCOUNT, Registry, allow


def test_everybody_may_ask_who_they_are(registry: Registry) -> None:
    denied = registry.user("ada", allow("*", effect="Deny"))
    told = registry.sts(denied).get_caller_identity()
    assert told["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    assert (told["Account"], told["UserId"]) == (ACCOUNT, denied.user.id)
