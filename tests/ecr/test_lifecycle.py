"""ECR's operations on lifecycle policies, as boto3 reads them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from registry.domain.lifecycle.previews import LASTING, Previews
from registry.domain.storage_class import ARCHIVED, set_status
from tests import images
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry, allow, on
from tests.domain.lifecycle.holding import hold, image, run
from tests.domain.lifecycle.world import ARCHIVE, aged, policy, rule, tagged
from tests.ecr.calls import NAME, missing, refusal

TEXT = policy(rule(**aged(30)))
INVALID = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def told(text: str = TEXT) -> dict[str, str]:
    return {"registryId": ACCOUNT, "repositoryName": NAME, "lifecyclePolicyText": text}


def bare(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def no_policy() -> tuple[str, str]:
    return (
        "LifecyclePolicyNotFoundException",
        f"Lifecycle policy does not exist for the repository with name '{NAME}' in the"
        f" registry with id '{ACCOUNT}'",
    )


class TestPolicy:
    def test_it_is_put_got_and_deleted(self, registry: Registry) -> None:
        ecr = registry.ecr()
        for call in (ecr.get_lifecycle_policy, ecr.delete_lifecycle_policy):
            assert refusal(partial(call, repositoryName=NAME)) == no_policy()
        put = ecr.put_lifecycle_policy(repositoryName=NAME, lifecyclePolicyText=TEXT)
        assert bare(put) == told()
        assert bare(ecr.get_lifecycle_policy(repositoryName=NAME)) == told()
        before = datetime.now(UTC)
        run(registry)
        found = ecr.get_lifecycle_policy(repositoryName=NAME, registryId=ACCOUNT)
        assert (
            timedelta(0)
            <= found["lastEvaluatedAt"] - before - timedelta(minutes=2)
            < timedelta(minutes=1)
        )
        gone = ecr.delete_lifecycle_policy(repositoryName=NAME)
        assert gone["lifecyclePolicyText"] == TEXT
        assert gone["lastEvaluatedAt"] == found["lastEvaluatedAt"]
        assert refusal(lambda: ecr.get_lifecycle_policy(repositoryName=NAME)) == no_policy()

    def test_rules_come_back_in_the_order_of_their_priorities(self, registry: Registry) -> None:
        ecr = registry.ecr()
        text = policy(rule(9), rule(2, **tagged("v")))
        ecr.put_lifecycle_policy(repositoryName=NAME, lifecyclePolicyText=text)
        found = ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"]
        assert json.loads(found) == json.loads(policy(rule(2, **tagged("v")), rule(9)))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("{".ljust(100), "Lifecycle policy validation failure: not JSON"),
            (
                policy(rule(0)),
                "Lifecycle policy validation failure: rules[0].rulePriority: must be",
            ),
            (policy(rule(1), rule(1)), "rulePriority 1 is that of another rule"),
            ("{}", "length"),
            (TEXT.ljust(30_721), "length"),
        ],
    )
    def test_what_is_no_policy_is_refused(self, registry: Registry, text: str, reason: str) -> None:
        ecr = registry.ecr()
        before = registry.rows()
        given: dict[str, Any] = {"repositoryName": NAME, "lifecyclePolicyText": text}
        for call in (ecr.put_lifecycle_policy, ecr.start_lifecycle_policy_preview):
            code, message = refusal(partial(call, **given))
            assert code == "InvalidParameterException"
            assert reason in message
            assert message.startswith(INVALID) or not reason.startswith("Lifecycle")
        assert registry.rows() == before

    def test_a_missing_repository(self, registry: Registry) -> None:
        ecr = registry.ecr()
        for call in (
            lambda: ecr.put_lifecycle_policy(repositoryName="team/none", lifecyclePolicyText=TEXT),
            lambda: ecr.get_lifecycle_policy(repositoryName="team/none"),
            lambda: ecr.delete_lifecycle_policy(repositoryName="team/none"),
            lambda: ecr.start_lifecycle_policy_preview(repositoryName="team/none"),
            lambda: ecr.get_lifecycle_policy_preview(repositoryName="team/none"),
        ):
            assert refusal(call) == missing()

    def test_each_has_its_own_action(self, registry: Registry) -> None:
        calls: dict[str, dict[str, Any]] = {
            "PutLifecyclePolicy": {"lifecyclePolicyText": TEXT},
            "GetLifecyclePolicy": {},
            "StartLifecyclePolicyPreview": {},
            "GetLifecyclePolicyPreview": {},
            "DeleteLifecyclePolicy": {},
        }
        for name, given in calls.items():
            method = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
            others = [f"ecr:{each}" for each in calls if each != name]
            elsewhere = allow(f"ecr:{name}", resource=on("x"))
            may_not = registry.ecr(registry.user(f"no-{name}", allow(*others), elsewhere))
            may = registry.user(f"only-{name}", allow(f"ecr:{name}", resource=on(NAME)))
            call = partial(getattr(may_not, method), repositoryName=NAME, **given)
            code, message = refusal(call)
            assert (code, f"ecr:{name}" in message) == ("AccessDeniedException", True)
            getattr(registry.ecr(may), method)(repositoryName=NAME, **given)


@contextmanager
def fixed(previews: Previews, after: timedelta) -> Iterator[None]:
    """The clock of previews ahead by so much."""
    clock = previews._clock
    previews._clock = lambda: datetime.now(UTC) + after
    try:
        yield
    finally:
        previews._clock = clock


def work_out(registry: Registry) -> int:
    return registry.stores.lifecycle.previews.run(threading.Event())


class TestPreview:
    def test_from_the_start_to_the_end(self, registry: Registry) -> None:
        ecr = registry.ecr()
        first, second = image("a"), image("b")
        hold(registry, first, "v1", "v2", age=40)
        hold(registry, second, age=50)
        hold(registry, image("c"), age=1)
        before = registry.rows("lifecycle_previews", "lifecycle_preview_results", "tasks")
        code, message = refusal(lambda: ecr.get_lifecycle_policy_preview(repositoryName=NAME))
        assert (code, NAME in message) == ("LifecyclePolicyPreviewNotFoundException", True)
        start = ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        assert bare(start) == {**told(), "status": "IN_PROGRESS"}
        early = ecr.get_lifecycle_policy_preview(repositoryName=NAME)
        assert bare(early) == {**told(), "status": "IN_PROGRESS", "previewResults": []}
        start_again = partial(ecr.start_lifecycle_policy_preview, repositoryName=NAME)
        again = refusal(lambda: start_again(lifecyclePolicyText=TEXT))
        assert again[0] == "LifecyclePolicyPreviewInProgressException"
        assert work_out(registry) == 1
        found = ecr.get_lifecycle_policy_preview(repositoryName=NAME)
        assert found["status"] == "COMPLETE"
        assert found["summary"] == {"expiringImageTotalCount": 2}
        one, two = found["previewResults"]
        assert one["imageDigest"] == second.digest
        assert "imageTags" not in one
        pushed = two.pop("imagePushedAt")
        assert abs(datetime.now(UTC) - timedelta(days=40) - pushed) < timedelta(minutes=5)
        assert two == {
            "imageTags": ["v1", "v2"], "imageDigest": first.digest,
            "action": {"type": "EXPIRE"}, "appliedRulePriority": 1, "storageClass": "STANDARD",
        }  # fmt: skip
        assert registry.rows("lifecycle_previews", "lifecycle_preview_results", "tasks") == before

    def test_of_the_policy_in_force(self, registry: Registry) -> None:
        ecr = registry.ecr()
        assert (
            refusal(lambda: ecr.start_lifecycle_policy_preview(repositoryName=NAME)) == no_policy()
        )
        ecr.put_lifecycle_policy(repositoryName=NAME, lifecyclePolicyText=TEXT)
        start = ecr.start_lifecycle_policy_preview(repositoryName=NAME)
        assert bare(start) == {**told(), "status": "IN_PROGRESS"}
        assert work_out(registry) == 1
        assert ecr.get_lifecycle_policy_preview(repositoryName=NAME)["previewResults"] == []

    def test_what_moves_to_the_archive_is_counted_apart(self, registry: Registry) -> None:
        ecr = registry.ecr()
        hold(registry, image("a"), age=40)
        gone = hold(registry, image("b"), "v1", age=40)
        with registry.ground.database.write() as connection:
            ids = [row[0] for row in registry.rows()["images"] if row[2] == gone]
            set_status(connection, registry.repositories.get(SCOPE, NAME), ids, ARCHIVED)
        text = policy(rule(1, ARCHIVE, **aged(30)), rule(2, **aged(30, storageClass="archive")))
        ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=text)
        work_out(registry)
        found = ecr.get_lifecycle_policy_preview(repositoryName=NAME)
        assert found["summary"] == {
            "expiringImageTotalCount": 1,
            "transitioningImageTotalCounts": [
                {"targetStorageClass": "ARCHIVE", "imageTotalCount": 1}
            ],
        }
        shown = {each["storageClass"]: each["action"] for each in found["previewResults"]}
        assert shown == {
            "STANDARD": {"type": "TRANSITION", "targetStorageClass": "ARCHIVE"},
            "ARCHIVE": {"type": "EXPIRE"},
        }
        by_id = ecr.get_lifecycle_policy_preview(
            repositoryName=NAME, imageIds=[{"imageDigest": gone}]
        )
        assert [each["imageDigest"] for each in by_id["previewResults"]] == [gone]

    def test_pages_and_filters(self, registry: Registry) -> None:
        ecr = registry.ecr()
        for number in range(5):
            hold(registry, image(f"a{number}"), *(["v1"] if number == 2 else []), age=90 - number)
        ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        work_out(registry)
        pages = list(
            ecr.get_paginator("get_lifecycle_policy_preview").paginate(
                repositoryName=NAME, PaginationConfig={"PageSize": 2}
            )
        )
        assert [len(page["previewResults"]) for page in pages] == [2, 2, 1]
        found = [each["imageDigest"] for page in pages for each in page["previewResults"]]
        assert found == [image(f"a{number}").digest for number in range(5)]
        for status, count in (("TAGGED", 1), ("UNTAGGED", 4), ("ANY", 5)):
            chosen: Any = {"tagStatus": status}
            shown = ecr.get_lifecycle_policy_preview(repositoryName=NAME, filter=chosen)
            assert len(shown["previewResults"]) == count
        token = ecr.get_lifecycle_policy_preview(repositoryName=NAME, maxResults=2)["nextToken"]
        wrong: list[dict[str, Any]] = [
            {"nextToken": token, "imageIds": [{"imageTag": "v1"}]},
            {"nextToken": token, "filter": {"tagStatus": "TAGGED"}},
            {"maxResults": 101},
        ]
        for each in wrong:
            call = partial(ecr.get_lifecycle_policy_preview, repositoryName=NAME, **each)
            assert refusal(call)[0] == "InvalidParameterException"
        shown = ecr.get_lifecycle_policy_preview(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
        assert [each["imageTags"] for each in shown["previewResults"]] == [["v1"]]

    def test_the_waiter(self, registry: Registry) -> None:
        ecr = registry.ecr()
        ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        work_out(registry)
        ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=NAME)

    def test_a_day_later_it_has_expired_and_can_be_started_again(self, registry: Registry) -> None:
        ecr = registry.ecr()
        hold(registry, image("a"), age=40)
        ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        work_out(registry)
        previews = registry.stores.lifecycle.previews
        repository = registry.repositories.get(SCOPE, NAME)
        with fixed(previews, LASTING - timedelta(minutes=1)):
            assert previews.get(repository).status == "COMPLETE"
        with fixed(previews, LASTING + timedelta(minutes=1)):
            late = previews.get(repository)
            assert (late.status, previews.page(late, 0, 9)) == ("EXPIRED", [])
        ecr.start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        assert work_out(registry) == 1

    def test_a_kill_leaves_it_to_the_next(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            hold(registry, image(f"a{number}"), age=40)
        registry.ecr().start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        previews = registry.stores.lifecycle.previews

        class Killed(BaseException):
            pass

        def die(*_: object, **__: object) -> None:
            raise Killed

        monkeypatch.setattr(previews, "_end", die)
        with pytest.raises(Killed):
            work_out(registry)
        assert len(registry.rows()["lifecycle_preview_results"]) == 3
        monkeypatch.undo()
        assert work_out(registry) == 1
        found = registry.ecr().get_lifecycle_policy_preview(repositoryName=NAME)
        assert len(found["previewResults"]) == 3

    def test_the_bytes_that_would_be_free(self, registry: Registry) -> None:
        shared = images.Blob(b"s" * 5000, images.OCI_LAYER, "s")
        own = [images.Blob(letter * 3000, images.OCI_LAYER, "o") for letter in (b"a", b"b", b"c")]
        made = [images.oci_image(shared, each) for each in own]
        hold(registry, made[0], age=40)
        hold(registry, made[1], age=40)
        hold(registry, made[2], age=1)
        registry.create("team/other")
        registry.hold("team/other", images.oci_image(own[1], annotations={"x": "y"}))
        registry.ecr().start_lifecycle_policy_preview(repositoryName=NAME, lifecyclePolicyText=TEXT)
        work_out(registry)
        preview = registry.stores.lifecycle.previews.get(registry.repositories.get(SCOPE, NAME))
        assert preview.freed == 3000  # one layer is shared, one lies elsewhere too; one config


def test_a_template_gives_its_policy_to_new_repositories(open_one: OpenRegistry) -> None:
    registry = open_one(create_on_push=True)
    ecr = registry.ecr()
    ecr.create_repository_creation_template(
        prefix="made", appliedFor=["CREATE_ON_PUSH"], lifecyclePolicy=TEXT
    )
    with registry.http() as client:
        images.push(client, "made/app", image("a"), "v1")
    found = ecr.get_lifecycle_policy(repositoryName="made/app")
    assert found["lifecyclePolicyText"] == TEXT
    code, message = refusal(
        lambda: ecr.update_repository_creation_template(
            prefix="made", lifecyclePolicy=policy(rule(0))
        )
    )
    assert (code, "rulePriority" in message) == ("InvalidParameterException", True)
