"""Replication backfills: started, worked off, stopped, listed, described, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import backfills
from registry.stores import replicator_of, undelete_of
from registry.values.scope import Scope
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry, allow
from tests.domain.copying.places import check_pullable, content
from tests.ecr.calls import NAME, image, refusal
from tests.ecr.replicating import (
    AP,
    EU,
    FIRST,
    INDEX,
    SECOND,
    configure,
    push,
    replicate,
    rule,
    statuses,
    there,
)
from tests.identities import OTHER
from tests.upstream.fake import serving


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    found = open_one(regions="eu-west-1,ap-south-1")
    found.create(NAME)
    return found


def start(registry: Registry, where: Scope = EU, **more: Any) -> str:
    answer = registry.ecr().start_replication_backfill(
        destination={"region": where.region, "registryId": where.account}, **more
    )
    assert answer["status"] == "PREPARING"
    assert answer["destination"] == {"region": where.region, "registryId": where.account}
    assert answer["registryId"] == ACCOUNT
    return answer["replicationBackfillId"]


def brought(registry: Registry) -> list[tuple[str, str]]:
    """What a backfill brings."""
    backfill = start(registry)
    replicate(registry)
    described = registry.ecr().describe_replication_backfill_results(replicationBackfillId=backfill)
    assert described["status"] == "COMPLETE"
    found = [each["imageId"] for each in described["results"]]
    return [(each["imageDigest"], each.get("imageTag", "")) for each in found]


class TestBackfills:
    def test_what_was_there_comes(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.domain.replication.backfills.BATCH", 2)
        registry.create("other/app")
        push(registry, INDEX, "v1")
        push(registry, FIRST, "v1", "other/app")
        push(registry, FIRST, "a")
        push(registry, FIRST, "b")
        configure(registry, rule(EU, prefix="team/"))
        backfill = start(registry)
        ecr = registry.ecr()
        (shown,) = ecr.list_replication_backfills()["backfills"]
        assert "progress" not in shown
        assert "endedAt" not in shown
        replicate(registry)
        described = ecr.describe_replication_backfill_results(replicationBackfillId=backfill)
        assert described["status"] == "COMPLETE"
        assert described["endedAt"] >= described["startedAt"]
        assert described["progress"] == {
            "totalReplicationCount": 5, "completedReplicationCount": 5,
            "failedReplicationCount": 0, "failureCodes": [],
        }  # fmt: skip
        assert [
            (each["repositoryName"], *map(each["imageId"].get, ("imageDigest", "imageTag")))
            for each in described["results"]
        ] == [
            *((NAME, child.digest, None) for child in INDEX.children),
            (NAME, INDEX.digest, "v1"), (NAME, FIRST.digest, "a"), (NAME, FIRST.digest, "b"),
        ]  # fmt: skip
        assert content(registry, there(registry))[FIRST.digest] == {"a", "b"}
        check_pullable(registry, there(registry), INDEX)
        assert statuses(registry, "v1") == {(ACCOUNT, EU.region): ("COMPLETE", None)}
        assert [each.name for each in registry.repositories.page(EU, "", 9)] == [NAME]

    def test_failures_are_told(self, registry: Registry) -> None:
        target = registry.repositories.create(EU, NAME, mutability="IMMUTABLE")
        push(registry, FIRST, "v1")
        push(registry, SECOND, "v2")
        for blob in SECOND.blobs:
            registry.hold_blob(target, blob.content)
        registry.images.put(target, SECOND.manifest, SECOND.media_type, tag_names=["v1"])
        configure(registry, rule(EU))
        backfill = start(registry)
        replicate(registry)
        ask = registry.ecr().describe_replication_backfill_results
        described = ask(replicationBackfillId=backfill)
        assert described["status"] == "COMPLETE"
        assert described["progress"] == {
            "totalReplicationCount": 2, "completedReplicationCount": 1,
            "failedReplicationCount": 1, "failureCodes": ["ImageTagAlreadyExists"],
        }  # fmt: skip
        (failed,) = ask(replicationBackfillId=backfill, resultStatusFilter="FAILED")["results"]
        assert failed["imageId"] == {"imageDigest": FIRST.digest, "imageTag": "v1"}
        assert failed["failureCode"] == "ImageTagAlreadyExists"
        (good,) = ask(replicationBackfillId=backfill, resultStatusFilter="COMPLETE")["results"]
        assert good["imageId"]["imageTag"] == "v2"

    def test_what_came_from_an_upstream_stays(self, open_one: OpenRegistry) -> None:
        with serving() as fake:
            fake.hold("app", INDEX, "v1")
            fake.hold("app", FIRST, "moved")
            registry = open_one(regions="eu-west-1", upstreams=fake.url)
            registry.ecr().create_pull_through_cache_rule(
                ecrRepositoryPrefix="team", upstreamRegistryUrl=fake.address
            )
            with registry.http() as client:
                for which in ("v1", INDEX.children[0].digest, FIRST.digest):
                    got = client.get(f"/v2/team/app/manifests/{which}")
                    assert got.status_code == 200
                    for blob in FIRST.blobs if which == FIRST.digest else ():
                        assert client.get(f"/v2/team/app/blobs/{blob.digest}").status_code == 200
        push(registry, SECOND, "own", "team/app")
        configure(registry, rule(EU))
        cached = registry.repositories.get(SCOPE, "team/app")
        registry.images.untag(cached, "v1")
        undelete = undelete_of(registry.ground)
        (rests,) = undelete.page(SCOPE, None, None, 9)
        undelete.restore(SCOPE, rests.id)
        assert brought(registry) == [(SECOND.digest, "own")]
        push(registry, FIRST, "mine", "team/app")
        assert brought(registry) == [(FIRST.digest, "mine"), (SECOND.digest, "own")]

    def test_pages(self, registry: Registry) -> None:
        for number in range(5):
            push(registry, image(f"n{number}"), f"v{number}")
        configure(registry, rule(EU, AP))
        ids = [start(registry), start(registry, AP)]
        replicate(registry)
        ecr = registry.ecr()
        first = ecr.list_replication_backfills(maxResults=1)
        second = ecr.list_replication_backfills(maxResults=1, nextToken=first["nextToken"])
        assert "nextToken" not in second
        listed = [*first["backfills"], *second["backfills"]]
        assert [each["replicationBackfillId"] for each in listed] == ids[::-1]
        tags: list[str] = []
        token: dict[str, Any] = {}
        while True:
            page = ecr.describe_replication_backfill_results(
                replicationBackfillId=ids[0], maxResults=2, **token
            )
            tags += [each["imageId"]["imageTag"] for each in page["results"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert tags == [f"v{number}" for number in range(5)]
        ask = ecr.describe_replication_backfill_results
        code, _ = refusal(lambda: ask(replicationBackfillId=ids[1], **token))
        assert code == "InvalidParameterException"

    def test_one_for_each_region_and_ten_in_all(self, registry: Registry) -> None:
        regions = [f"eu-west-{number}" for number in range(1, 12)]
        configure(registry, rule(*(Scope(ACCOUNT, each) for each in regions)))
        start(registry)
        assert refusal(lambda: start(registry))[0] == "ReplicationBackfillInProgressException"
        for region in regions[1:10]:
            start(registry, Scope(ACCOUNT, region))
        code, message = refusal(lambda: start(registry, Scope(ACCOUNT, regions[10])))
        assert (code, "10" in message) == ("LimitExceededException", True)
        code, message = refusal(lambda: start(registry, Scope(ACCOUNT, "eu-south-1")))
        assert (code, "'destination'" in message) == ("InvalidParameterException", True)

    def test_stopped(self, registry: Registry) -> None:
        push(registry, FIRST, "v1")
        configure(registry, rule(EU))
        backfill, ecr = start(registry), registry.ecr()
        stopped = ecr.stop_replication_backfill(replicationBackfillId=backfill)
        assert (stopped["status"], stopped["replicationBackfillId"]) == ("STOPPED", backfill)
        assert replicate(registry) == 0
        described = ecr.describe_replication_backfill_results(replicationBackfillId=backfill)
        assert described["status"] == "STOPPED"
        assert described["results"] == []
        assert "progress" not in dict(described)
        again = refusal(lambda: ecr.stop_replication_backfill(replicationBackfillId=backfill))
        assert again[0] == "ReplicationBackfillInvalidStatusException"

    def test_stopped_half_way(self, registry: Registry) -> None:
        push(registry, FIRST, "v1")
        push(registry, SECOND, "v2")
        configure(registry, rule(EU))
        backfill = start(registry)
        replicator = replicator_of(registry.settings, registry.ground, registry.stores)
        for _ in range(3):  # two batches of preparing, one image
            assert replicator._step(lambda: None)
        registry.ecr().stop_replication_backfill(replicationBackfillId=backfill)
        assert replicate(registry) == 0
        described = registry.ecr().describe_replication_backfill_results(
            replicationBackfillId=backfill
        )
        assert described["progress"]["totalReplicationCount"] == 2
        assert described["progress"]["completedReplicationCount"] == 1
        assert [each["imageId"]["imageTag"] for each in described["results"]] == ["v1"]
        assert content(registry, there(registry)) == {FIRST.digest: {"v1"}}

    def test_a_destination_that_is_taken_away(self, registry: Registry) -> None:
        push(registry, FIRST, "v1")
        configure(registry, rule(EU))
        backfill = start(registry)
        configure(registry)
        replicate(registry)
        described = registry.ecr().describe_replication_backfill_results(
            replicationBackfillId=backfill
        )
        assert (described["status"], described["failureCode"]) == (
            "FAILED", "DestinationNotConfigured",
        )  # fmt: skip

    def test_of_another_registry_there_is_none(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        backfill = start(registry)
        theirs = registry.ecr(registry.user("bob", allow("*"), account=OTHER))
        assert theirs.list_replication_backfills()["backfills"] == []
        for call in (
            theirs.stop_replication_backfill,
            theirs.describe_replication_backfill_results,
        ):
            code, message = refusal(lambda call=call: call(replicationBackfillId=backfill))  # type: ignore[misc]  # bound now
            assert code == "ReplicationBackfillNotFoundException"
            assert message.endswith(f"does not exist in the registry with id '{OTHER}'")
            code, _ = refusal(
                lambda call=call: call(replicationBackfillId=backfill, registryId=ACCOUNT)  # type: ignore[misc]  # bound now
            )
            assert code == "AccessDeniedException"

    def test_it_is_forgotten_after_90_days(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        backfill = start(registry)
        replicate(registry)
        assert registry.rows()["backfill_items"]
        late = datetime.now(UTC) - timedelta(days=90, minutes=1)
        with registry.ground.database.write() as connection:
            connection.execute(sa.update(backfills).values(ended_at=late))
        replicate(registry)
        ask = registry.ecr().describe_replication_backfill_results
        code, _ = refusal(lambda: ask(replicationBackfillId=backfill))
        assert code == "ReplicationBackfillNotFoundException"
        assert registry.rows()["backfill_items"] == []

    def test_input_is_checked(self, registry: Registry) -> None:
        ask = registry.ecr().describe_replication_backfill_results
        code, message = refusal(lambda: ask(replicationBackfillId="x"))
        assert code == "InvalidParameterException"
        assert "replicationBackfillId" in message
