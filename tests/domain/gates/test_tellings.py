"""Events of refusals: each once a day, however often a pull is tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.domain.gates.tellings import Tellings
from registry.domain.gates.weighing import Refusal
from registry.values.errors import Unavailable
from tests.application import SCOPE, OpenRegistry, Registry, allow
from tests.domain.events.conftest import Ear, ear, targets
from tests.gating import BAD, CVE, GOOD, bad_and_good, gate

__all__ = ["ear", "targets"]
NAME, WHO = "prod/app", "arn:aws:iam::123456789012:user/puller"
MANIFEST = f"/v2/{NAME}/manifests/bad"
GATE = "ECR Gate Action"


def refusal(**changed: Any) -> Refusal:
    given: dict[str, Any] = {
        "gate": "critical", "dry_run": False, "rule": "findings", "digest": BAD.digest,
        "reason": "1 finding", **changed,
    }  # fmt: skip
    return Refusal(**given)


def heard(ear_: Ear) -> list[dict[str, Any]]:
    return [each for each in ear_.heard() if each["detail-type"] == GATE]


def test_a_refusal_is_told_once_however_often_it_is_tried(registry: Registry, ear: Ear) -> None:
    bad_and_good(registry)
    gate(registry)
    puller = registry.user("puller", allow("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"))
    with registry.http(puller) as docker:
        for _ in range(5):
            assert docker.get(MANIFEST).status_code == 403
            assert docker.head(MANIFEST).status_code == 403
            assert docker.get(f"/v2/{NAME}/blobs/{BAD.blobs[1].digest}").status_code == 403
    (event,) = heard(ear)
    detail = event["detail"]
    assert detail.pop("reason").startswith(f"image {BAD.digest} is refused by the gate 'critical'")
    assert detail == {
        "repository-name": NAME, "result": "FAILURE", "action-type": "REFUSE",
        "image-digest": BAD.digest, "gate": "critical", "rule": "findings", "finding-count": 1,
        "findings": [CVE], "principal": WHO,
    }  # fmt: skip
    assert event["resources"] == [SCOPE.repository_arn(NAME)]


def test_a_dry_run_is_told_too(registry: Registry, ear: Ear) -> None:
    bad_and_good(registry)
    gate(registry, dryRun=True)
    with registry.http() as docker:
        for _ in range(2):
            assert docker.get(MANIFEST).status_code == 200
    (event,) = heard(ear)
    told = event["detail"]
    assert (told["action-type"], told["result"]) == ("WOULD_REFUSE", "SUCCESS")


def test_another_image_gate_rule_outcome_or_day_is_another(registry: Registry, ear: Ear) -> None:
    repository = registry.create(NAME)
    moment = datetime(2026, 5, 1, 23, 59, tzinfo=UTC)
    tellings = Tellings(registry.ground.database, clock=lambda: moment)
    for each in (
        refusal(), refusal(), refusal(digest=GOOD.digest), refusal(gate="other"),
        refusal(rule="unsigned"), refusal(dry_run=True), refusal(reason="2 findings"),
    ):  # fmt: skip
        tellings.tell(repository, each, WHO)
    assert len(heard(ear)) == 5
    moment += timedelta(minutes=1)
    tellings.tell(repository, refusal(), WHO)
    assert len(heard(ear)) == 1
    moment += timedelta(days=4)
    tellings.tell(repository, refusal(), WHO)
    assert len(registry.rows()["gate_tellings"]) == 1  # the older ones are forgotten


def test_several_processes_tell_of_it_once(registry: Registry, ear: Ear) -> None:
    repository = registry.create(NAME)
    each = [Tellings(registry.ground.database) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(e.tell, repository, refusal(), WHO) for e in each for _ in range(4)]
    assert all(future.exception() is None for future in done)
    assert len(heard(ear)) == 1


def test_where_nobody_listens_nothing_is_written(registry: Registry) -> None:
    repository = registry.create(NAME)
    before = registry.rows()
    Tellings(registry.ground.database).tell(repository, refusal(), WHO)
    assert registry.rows() == before


def test_who_comes_to_listen_hears_of_the_next(registry: Registry, request: Any) -> None:
    repository = registry.create(NAME)
    tellings = Tellings(registry.ground.database)
    tellings.tell(repository, refusal(), WHO)
    listener = request.getfixturevalue("ear")
    tellings.tell(repository, refusal(), WHO)
    assert len(heard(listener)) == 1


def test_without_a_database_it_is_told_later(
    registry: Registry, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = registry.create(NAME)
    tellings = Tellings(registry.ground.database)

    def broken() -> Any:
        raise Unavailable("no disk")

    with monkeypatch.context() as patch:
        patch.setattr(registry.ground.database, "write", broken)
        tellings.tell(repository, refusal(), WHO)
    assert heard(ear) == []
    tellings.tell(repository, refusal(), WHO)
    assert len(heard(ear)) == 1


def test_a_target_can_ask_for_refusals_alone(open_one: OpenRegistry) -> None:
    registry = open_one()
    document = {"url": "https://ci.example/hook", "actions": ["REFUSE"], "detailTypes": [GATE]}
    from tests.api.signed import send  # noqa: PLC0415 - here alone

    answer = send(registry, "PUT", "event-targets/ci", document)
    assert answer.status_code == 200, answer.text
