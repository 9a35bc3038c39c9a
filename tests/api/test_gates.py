"""`/api/v1/gates`: what it keeps and tells, who may, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from registry.domain.gates import gates as module
from registry.values.scope import Scope
from tests import images as made
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, Registry, allow, on
from tests.gating import BAD, CVE, bad_and_good, gate
from tests.identities import OTHER

ONE = "gates/critical"
DOCUMENT = {"repositories": ["prod/*"], "severity": "HIGH"}
TEST = {"repositoryName": "prod/app", "imageTag": "bad"}
CALLS: tuple[tuple[str, str, Any, str, str], ...] = (
    ("GET", "gates", None, "ecr:DescribeGates", "*"),
    ("PUT", ONE, DOCUMENT, "ecr:PutGate", "critical"),
    ("GET", ONE, None, "ecr:DescribeGates", "critical"),
    ("DELETE", ONE, None, "ecr:DeleteGate", "critical"),
)


def arn(name: str) -> str:
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:gate/{name}"


def test_a_gate_from_its_making_to_its_end(registry: Registry) -> None:
    made_ = send(registry, "PUT", ONE, DOCUMENT).json()["gate"]
    assert made_.pop("changedAt").endswith("Z")
    assert made_ == {"name": "critical", "document": DOCUMENT}
    other = {**DOCUMENT, "severity": "LOW"}
    assert send(registry, "PUT", ONE, other).json()["gate"]["document"] == other
    (listed,) = send(registry, "GET", "gates").json()["gates"]
    assert listed == send(registry, "GET", ONE).json()["gate"]
    assert send(registry, "DELETE", ONE).json() == {}
    assert refused(send(registry, "DELETE", ONE))[:2] == (404, "EntityNotFound")
    assert refused(send(registry, "GET", ONE))[:2] == (404, "EntityNotFound")
    assert send(registry, "GET", "gates").json() == {"gates": []}


def test_a_gate_belongs_to_one_account_and_region(registry: Registry) -> None:
    send(registry, "PUT", ONE, DOCUMENT)
    stranger = registry.user("stranger", allow("ecr:*"), account=OTHER)
    assert send(registry, "GET", "gates", key=stranger).json() == {"gates": []}
    assert registry.stores.gates.list(Scope(ACCOUNT, "eu-west-1")) == []


@pytest.mark.parametrize(
    ("path", "document", "said"),
    [
        (ONE, {}, "PolicyDocumentInvalid the gate is invalid: repositories is missing"),
        (
            ONE,
            {"repositories": ["*"]},
            "PolicyDocumentInvalid the gate is invalid: refuses nothing",
        ),
        (ONE, {**DOCUMENT, "x": 1}, "PolicyDocumentInvalid the gate is invalid: x: 'x' is not"),
        ("gates/a%20b", DOCUMENT, "ParameterInvalid 'a b' is no name of a gate"),
    ],
)
def test_what_is_no_gate_is_refused(
    registry: Registry, path: str, document: Any, said: str
) -> None:
    status, *told = refused(send(registry, "PUT", path, document))
    assert status == 400
    assert " ".join(told).startswith(said)
    assert registry.rows()["gates"] == []


def test_a_registry_has_so_many(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    for name in ("a", "b", "b"):
        assert send(registry, "PUT", f"gates/{name}", DOCUMENT).status_code == 200
    assert refused(send(registry, "PUT", "gates/c", DOCUMENT))[:2] == (409, "LimitExceeded")


@pytest.mark.parametrize("call", CALLS)
def test_each_needs_its_action_on_the_gate(
    registry: Registry, call: tuple[str, str, Any, str, str]
) -> None:
    method, path, document, action, name = call
    send(registry, "PUT", ONE, DOCUMENT)
    right = registry.user("right", allow(action, resource=arn(name)))
    wrong = registry.user("wrong", allow("ecr:*", resource=arn("other")))
    assert refused(send(registry, method, path, document, wrong))[0] == 403
    assert send(registry, method, path, document, right).status_code == 200


def test_what_the_gates_would_say(registry: Registry) -> None:
    bad_and_good(registry)
    gate(registry)
    gate(registry, "trial", severity=None, unsigned="refuse", dryRun=True)
    answer = send(registry, "POST", "test-gates", TEST).json()
    assert (answer["imageDigest"], answer["allowed"]) == (BAD.digest, False)
    assert [(each["gate"], each["dryRun"]) for each in answer["refusals"]] == [
        ("critical", False), ("trial", True),
    ]  # fmt: skip
    assert answer["refusals"][0]["findings"] == [CVE]
    good = {"repositoryName": "prod/app", "imageTag": "good"}
    answer = send(registry, "POST", "test-gates", good).json()
    assert (answer["allowed"], len(answer["refusals"])) == (True, 1)
    assert "moorage_gate_refusals_total{" not in registry.anyone().get("/metrics").text


def test_testing_needs_its_action_on_the_repository(registry: Registry) -> None:
    bad_and_good(registry)
    right = registry.user("right", allow("ecr:TestGates", resource=on("prod/app")))
    wrong = registry.user("wrong", allow("ecr:TestGates", resource=on("prod/other")))
    assert send(registry, "POST", "test-gates", TEST, right).status_code == 200
    assert refused(send(registry, "POST", "test-gates", TEST, wrong))[0] == 403
    both = {**TEST, "imageDigest": BAD.digest}
    assert refused(send(registry, "POST", "test-gates", both))[:2] == (400, "ParameterInvalid")


def test_a_copy_is_no_way_around(registry: Registry) -> None:
    bad_and_good(registry)
    registry.hold("prod/app", made.index({"amd64": BAD}), "index")
    registry.hold("prod/app", made.oci_image(made.layer({"a": b"a"})), "clean")
    registry.create("dev/app")
    gate(registry)
    for tag in ("bad", "index"):
        order = {
            "source": {"repositoryName": "prod/app"},
            "target": {"repositoryName": "dev/app"},
            "imageIds": [{"imageTag": tag}],
        }
        (failed,) = send(registry, "POST", "copy", order).json()["failures"]
        assert failed["failureCode"] == "GateRefused"
        assert CVE in failed["failureReason"]
    everything = {"source": order["source"], "target": order["target"], "all": True}
    answer = send(registry, "POST", "copy", everything).json()
    assert len(answer["failures"]) == 2
    assert {tag for each in answer["copied"] for tag in each["tags"]} == {"good", "clean"}
