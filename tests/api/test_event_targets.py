"""`/api/v1/event-targets`: what it keeps and tells, who may, and what it refuses."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from registry.domain.events.deliveries import Failure
from registry.domain.tasks import now
from registry.stores import event_queue_of, event_targets_of
from registry.values.scope import Scope
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, SCOPE, OpenRegistry, Registry, allow
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

URL = "https://hooks.example/in"
ONE = "event-targets/ci"
CALLS: tuple[tuple[str, str, Any, str, str], ...] = (
    ("GET", "event-targets", None, "ecr:DescribeEventTargets", "*"),
    ("PUT", ONE, {"url": URL}, "ecr:PutEventTarget", "ci"),
    ("GET", ONE, None, "ecr:DescribeEventTargets", "ci"),
    ("GET", f"{ONE}/dead-letters", None, "ecr:DescribeEventTargets", "ci"),
    ("POST", f"{ONE}/retry", {}, "ecr:RetryEvents", "ci"),
    ("DELETE", ONE, None, "ecr:DeleteEventTarget", "ci"),
)


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:ecr:{REGION}:{account}:event-target/{name}"


def give_up(registry: Registry, count: int) -> list[str]:
    """So many events that `ci` did not take; their ids."""
    queue = event_queue_of(registry.settings, registry.ground)
    target = event_targets_of(registry.ground).get(SCOPE, "ci")
    for number in range(count):
        registry.create(f"r{number}")
    waiting = queue.batch(target.id, count)
    for each in waiting:
        queue.settle(target.id, [], Failure(each, "answered 422", now(), final=True))
    return [each.event_id for each in waiting]


def test_a_target_from_its_making_to_its_end(registry: Registry) -> None:
    made = send(registry, "PUT", ONE, {"url": URL, "actions": ["PUSH", "CREATE"]}).json()
    assert len(made["secret"]) >= 32
    expected = {
        "name": "ci", "url": URL, "detailTypes": [], "actions": ["PUSH", "CREATE"],
        "repositories": [], "waiting": 0, "deadLetters": 0, "failures": 0, "lastError": None,
        "nextAttemptAt": None,
    }  # fmt: skip
    created = made["target"].pop("createdAt")
    assert created.endswith("Z")
    assert made["target"] == expected
    registry.create("team/app")
    assert send(registry, "GET", ONE).json()["target"]["waiting"] == 1
    more = {"url": f"{URL}/2", "detailTypes": ["ECR Image Scan"], "repositories": ["team/*"]}
    changed = send(registry, "PUT", ONE, more).json()
    assert "secret" not in changed
    changed["target"].pop("createdAt")
    assert changed["target"] == {**expected, **more, "actions": [], "waiting": 1}
    targets = event_targets_of(registry.ground)
    assert targets.secret(targets.get(SCOPE, "ci")) == made["secret"]
    answer = send(registry, "PUT", ONE, {"url": URL, "secret": "0123456789abcdef"})
    assert "secret" not in answer.json()
    assert targets.secret(targets.get(SCOPE, "ci")) == "0123456789abcdef"
    (listed,) = send(registry, "GET", "event-targets").json()["targets"]
    assert listed["name"] == "ci"
    assert "secret" not in listed
    assert send(registry, "DELETE", ONE).json() == {}
    assert send(registry, "GET", "event-targets").json() == {"targets": []}


def test_dead_letters_in_pages_and_tried_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.api.event_targets.PAGE", 2)
    send(registry, "PUT", ONE, {"url": URL})
    ids = give_up(registry, 5)
    path, found = f"{ONE}/dead-letters", []
    token = ""
    while True:
        answer = send(
            registry, "GET", f"{path}?nextToken={quote(token, safe='')}" if token else path
        ).json()
        found += answer["deadLetters"]
        if "nextToken" not in answer:
            break
        token = answer["nextToken"]
        assert len(answer["deadLetters"]) == 2
    assert [each["eventId"] for each in found] == ids
    assert [each["event"]["id"] for each in found] == ids
    assert {(each["attempts"], each["error"]) for each in found} == {(1, "answered 422")}
    assert all(each["givenUpAt"].endswith("Z") for each in found)
    assert refused(send(registry, "GET", f"{path}?nextToken=x"))[0] == 400
    assert send(registry, "POST", f"{ONE}/retry", {"eventId": ids[3]}).json() == {"retried": 1}
    assert send(registry, "POST", f"{ONE}/retry").json() == {"retried": 4}
    target = send(registry, "GET", ONE).json()["target"]
    assert (target["waiting"], target["deadLetters"]) == (5, 0)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]} {call[1]}")
def test_each_asks_for_its_own_action_on_its_own_resource(
    registry: Registry, call: tuple[str, str, Any, str, str]
) -> None:
    method, path, document, action, name = call
    send(registry, "PUT", ONE, {"url": URL})
    others = [each for *_, each, _ in CALLS if each != action]
    strangers = [
        registry.user("none"),
        registry.user("others", allow(*others)),
        registry.user("elsewhere", allow(action, resource=arn("other"))),
        registry.user("foreign", allow(action, resource=arn(name, OTHER))),
        registry.user("refused", allow("*"), allow(action, effect="Deny")),
    ]
    for stranger in strangers:
        with Unchanged(registry):
            status, code, message = refused(send(registry, method, path, document, stranger))
        assert (status, code) in {(403, "AccessDenied"), (403, "Denied")}
        assert action in message
        assert arn(name) in message
    holder = registry.user("holder", allow(action, resource=arn(name)))
    assert send(registry, method, path, document, holder).status_code == 200


def test_each_registry_has_its_own(open_one: OpenRegistry) -> None:
    registry = open_one(regions="eu-west-1")
    theirs = registry.user("mallory", allow("*"), account=OTHER)
    send(registry, "PUT", ONE, {"url": URL})
    event_targets_of(registry.ground).keep_log(on=True)
    for key, region in ((theirs, REGION), (registry.admin, "eu-west-1")):
        answer = send(registry, "GET", "event-targets", key=key, region=region)
        assert answer.json() == {"targets": []}
        for method, path, document, *_ in CALLS[2:]:
            answer = send(registry, method, path, document, key, region=region)
            assert refused(answer)[:2] == (404, "EntityNotFound")
    send(registry, "PUT", ONE, {"url": URL}, theirs)
    targets = event_targets_of(registry.ground)
    assert targets.get(Scope(OTHER, REGION), "ci").id != targets.get(SCOPE, "ci").id
    assert len(send(registry, "GET", "event-targets").json()["targets"]) == 1


@pytest.mark.parametrize(
    ("path", "document", "words"),
    [
        (ONE, {}, "'url' is missing"),
        (ONE, {"url": 1}, "'url' must be a JSON string"),
        (ONE, {"url": "file:///etc/passwd"}, "is not an http or https URL"),
        (ONE, {"url": "https://u@x/"}, "no user"),
        (ONE, {"url": URL, "detailTypes": "x"}, "'detailTypes' must be a JSON array"),
        (ONE, {"url": URL, "detailTypes": ["x"]}, "no event has the detail type 'x'"),
        (ONE, {"url": URL, "actions": ["push"]}, "no event has the action type 'push'"),
        (ONE, {"url": URL, "repositories": [1]}, "'repositories' must be a JSON array of strings"),
        (ONE, {"url": URL, "repositories": ["A"]}, "'A' is not a pattern"),
        (ONE, {"url": URL, "repositories": ["a"] * 26}, "at most 25 patterns"),
        (ONE, {"url": URL, "secret": "short"}, "16 to 256"),
        (ONE, {"url": URL, "more": 1}, "there is no parameter 'more'"),
        ("event-targets/-x", {"url": URL}, "'-x' is not a name"),
        (f"event-targets/{'x' * 65}", {"url": URL}, "is not a name"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(
    registry: Registry, path: str, document: Any, words: str
) -> None:
    with Unchanged(registry):
        status, code, message = refused(send(registry, "PUT", path, document))
    assert (status, code) == (400, "ParameterInvalid")
    assert words in message
    assert "short" not in message


def test_one_more_than_there_may_be(registry: Registry) -> None:
    for number in range(25):
        assert send(registry, "PUT", f"event-targets/t{number}", {"url": URL}).status_code == 200
    assert refused(send(registry, "PUT", ONE, {"url": URL}))[:2] == (409, "LimitExceeded")
