"""`moorage events`: targets, dead letters, another try."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.domain.events.deliveries import Failure
from registry.domain.tasks import now
from registry.stores import event_queue_of, event_targets_of
from tests.application import SCOPE, Registry
from tests.commands.running import moorage, result_of

URL = "https://hooks.example/in"


def events(registry: Registry, *arguments: object, status: int = 0) -> str:
    return moorage(registry.settings.data, "events", *arguments, status=status)


def give_up(registry: Registry) -> list[str]:
    """Two events that the target `ci` did not take; their ids."""
    queue = event_queue_of(registry.settings, registry.ground)
    target = event_targets_of(registry.ground).get(SCOPE, "ci")
    registry.create("team/one")
    registry.create("team/two")
    waiting = queue.batch(target.id, 2)
    for each in waiting:
        queue.settle(target.id, [], Failure(each, "answered 422", now(), final=True))
    return [each.event_id for each in waiting]


def test_a_target_is_made_changed_shown_and_forgotten(registry: Registry) -> None:
    secret = events(registry, "put-target", "ci", URL, "--repository", "team/*").strip()
    assert len(secret) >= 32
    targets = event_targets_of(registry.ground)
    assert targets.secret(targets.get(SCOPE, "ci")) == secret
    registry.create("team/app")
    registry.create("lib/app")
    shown = events(registry, "targets")
    assert shown.splitlines() == [
        f"ci  {URL}",
        "  repositories  team/*",
        "  waiting       1, given up 0",
    ]
    more = ("--detail-type", "ECR Image Action", "--action", "PUSH", "--action", "PULL")
    assert events(registry, "put-target", "ci", URL, *more) == ""
    assert targets.secret(targets.get(SCOPE, "ci")) == secret
    assert "  types         ECR Image Action\n  actions       PUSH, PULL\n" in events(
        registry, "targets"
    )
    assert "nothing any more" in events(registry, "delete-target", "ci")
    assert events(registry, "targets") == ""


def test_a_secret_of_ones_own_comes_from_a_file(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("0123456789abcdef\n")
    assert events(registry, "put-target", "ci", URL, "--secret-file", path) == ""
    targets = event_targets_of(registry.ground)
    assert targets.secret(targets.get(SCOPE, "ci")) == "0123456789abcdef"
    path.write_text("short")
    result = result_of(
        registry.settings.data, "events", "put-target", "ci", URL, "--secret-file", path
    )
    assert result.exit_code == 1
    assert result.stderr == "Error: a secret has 16 to 256 visible ASCII characters\n"


def test_dead_letters_are_listed_and_tried_again(registry: Registry) -> None:
    events(registry, "put-target", "ci", URL)
    one, two = give_up(registry)
    lines = events(registry, "list", "ci").splitlines()
    assert [line.split("  ")[0] for line in lines] == [one, two]
    assert lines[0].endswith("ECR Repository Action  CREATE  team/one  answered 422, 1 attempts")
    bodies = [json.loads(line) for line in events(registry, "list", "ci", "--json").splitlines()]
    assert [each["id"] for each in bodies] == [one, two]
    assert "waiting       0, given up 2" in events(registry, "targets")
    assert "answered 422, 2 times in a row" in events(registry, "targets")
    assert events(registry, "retry", "ci", "--event", "no-such", status=1).startswith("0 ")
    assert events(registry, "retry", "ci", "--event", two) == "1 events are tried again\n"
    assert events(registry, "retry", "ci") == "1 events are tried again\n"
    assert "waiting       2, given up 0" in events(registry, "targets")


def test_the_log_is_listed_where_it_is_kept(registry: Registry) -> None:
    event_targets_of(registry.ground).keep_log(on=True)
    registry.create("team/app")
    assert events(registry, "targets").splitlines() == [
        "log  the event log of this server",
        "  waiting       1, given up 0",
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("put-target", "ci", "ftp://x/"), "'ftp://x/' is not an http or https URL"),
        (("put-target", "ci", "https://u:p@x/"), "a target's URL has no user, no password"),
        (("put-target", "ci", "https://x/#a"), "no fragment"),
        (("put-target", "ci", "https://x:99999/"), "is not a URL"),
        (("put-target", "ci", "https:///x"), "is not an http or https URL"),
        (("put-target", "ci", "https://x/\u00e9"), "is not an http or https URL"),
        (("put-target", "-ci.", "https://x/"), "No such option"),
        (("put-target", "c i", "https://x/"), "'c i' is not a name of a target"),
        (("put-target", "ci", URL, "--repository", "A B"), "is not a pattern"),
        (("delete-target", "ci"), "there is no event target 'ci'"),
        (("list", "ci"), "there is no event target 'ci'"),
        (("retry", "ci"), "there is no event target 'ci'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    registry: Registry, arguments: tuple[str, ...], error: str
) -> None:
    result = result_of(registry.settings.data, "events", *arguments)
    assert result.exit_code != 0
    assert error in result.stderr
    assert event_targets_of(registry.ground).list() == []


def test_a_registry_has_only_so_many_targets(registry: Registry) -> None:
    for number in range(25):
        events(registry, "put-target", f"t{number}", URL)
    result = result_of(registry.settings.data, "events", "put-target", "one-more", URL)
    assert "at most 25 event targets" in result.stderr
    events(registry, "put-target", "t7", f"{URL}/changed")
    moorage(registry.settings.data, "events", "put-target", "other", URL, "--region", "eu-west-1")
