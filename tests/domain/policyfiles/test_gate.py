from __future__ import annotations

import json
from typing import Any

import pytest

from registry.aws.policy import PolicyInvalid
from registry.domain.policyfiles.gate import check_gate

EXCEPTION = {"vulnerability": "CVE-2024-1", "reason": "not reachable", "expires": "2030-02-28"}


def gate(**members: Any) -> str:
    return json.dumps({"repositories": ["prod/*"], "severity": "HIGH", **members})


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"unscanned": "refuse", "unsigned": "allow", "graceDays": 0, "dryRun": False},
        {"exceptions": [EXCEPTION], "description": "what for"},
        {"exceptions": []},
        {"fixableOnly": True, "graceFrom": "push", "graceDays": 3650},
    ],
)
def test_gates_pass(members: dict[str, Any]) -> None:
    check_gate(gate(**members))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"repositories": []}, "repositories: must not be empty"),
        ({"repositories": ["Prod/*"]}, "repositories[0]: 'Prod/*' is not a pattern"),
        ({"repositories": "prod"}, "repositories: must be a list"),
        ({"severity": "high"}, "severity: 'high' is not one of INFORMATIONAL, LOW"),
        ({"unsigned": True}, "unsigned: must be a string"),
        ({"graceDays": -1}, "graceDays: must be a whole number of at least 0"),
        ({"graceDays": 3651}, "graceDays: must be at most 3650 days"),
        ({"graceFrom": "now"}, "graceFrom: 'now' is not one of finding, push"),
        ({"fixableOnly": 1}, "fixableOnly: must be true or false"),
        ({"signatureKeys": ["x"]}, "signatureKeys: has no meaning without unsigned"),
        ({"unsigned": "refuse", "signatureKeys": ["x"]}, "signatureKeys[0]: is not a public key"),
        ({"dryRun": "no"}, "dryRun: must be true or false"),
        ({"dry_run": True}, "dry_run: 'dry_run' is not known here"),
        ({"exceptions": [{"vulnerability": "CVE-1"}]}, "exceptions[0]: reason is missing"),
        ({"exceptions": [{**EXCEPTION, "reason": ""}]}, "reason: must have 1 to 1000 characters"),
        ({"exceptions": [{**EXCEPTION, "expires": "2030-02-30"}]}, "'2030-02-30' is not a date"),
        ({"exceptions": [{**EXCEPTION, "expires": "20300228"}]}, "'20300228' is not a date"),
    ],
)
def test_anything_else_is_refused_with_its_place(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        check_gate(gate(**members))
    assert reason in str(refused.value)
    assert refused.value.line == 1


def test_a_gate_that_refuses_nothing_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="refuses nothing"):
        check_gate('{"repositories": ["*"]}')
