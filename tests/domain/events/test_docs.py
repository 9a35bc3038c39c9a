"""What docs/events.md says, held against what runs."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from registry.domain.events import deliveries, pusher, targets, webhook
from registry.domain.events.event import ACTIONS, DETAIL_TYPES
from tests.application import Registry
from tests.domain.events.conftest import Ear
from tests.domain.events.test_outbox import ONE
from tests.tools import PROJECT

PAGE = (PROJECT / "docs" / "events.md").read_text()


def block(language: str) -> str:
    """The one fenced block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_code_that_checks_signatures_works() -> None:
    made: dict[str, Any] = {}
    exec(block("python"), made)  # noqa: S102 - the documents' own
    is_genuine = made["is_genuine"]
    now, body = int(time.time()), b'{"a":1}'
    fresh = webhook.signature("secret", now, body)
    assert is_genuine("secret", fresh, body)
    assert not is_genuine("secret", fresh, body + b" ")
    assert not is_genuine("another", fresh, body)
    assert not is_genuine("secret", webhook.signature("secret", now - 400, body), body)
    assert is_genuine("secret", webhook.signature("secret", now - 400, body), body, 1000)
    assert not is_genuine("secret", fresh.replace(f"t={now}", f"t={now + 1}"), body)


def test_the_example_has_the_members_of_a_push(registry: Registry, ear: Ear) -> None:
    registry.create("team/my-app")
    registry.hold("team/my-app", ONE, "latest")
    _, pushed = ear.heard()
    example = json.loads(block("json"))
    assert list(example) == list(pushed)
    assert list(example["detail"]) == list(pushed["detail"])
    same = [name for name in example if name not in {"id", "time", "detail"}]
    assert [example[name] for name in same] == [pushed[name] for name in same]


def test_every_kind_of_event_is_listed() -> None:
    table = PAGE[PAGE.index("| detail type |") : PAGE.index("The last three")]
    cells = [line.split("|")[1:3] for line in table.splitlines() if line.count("|") > 3][2:]
    kinds = [name for first, _ in cells for name in re.findall(r"`([^`]+)`", first)]
    actions = {name for _, second in cells for name in re.findall(r"`([^`]+)`", second)}
    assert sorted(kinds) == sorted(DETAIL_TYPES)
    assert actions == set(ACTIONS)


def test_the_numbers_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    for words in (
        f"Any 2xx within {webhook.SECONDS:g} seconds",
        f"takes over within {pusher.HELD.total_seconds():g} seconds",
        f"believed when it has come {pusher.REFUSALS_MAX} times",
        f"{deliveries.MOST:,} events wait for one target at most",
        f"kept for {deliveries.DEAD_KEPT.days} days",
        f"which has {targets.MOST} at most",
    ):
        assert words in text
    allowed = re.search(r"not ([\d, ]+)\)", text)
    assert allowed is not None
    assert {int(each) for each in allowed[1].split(", ")} == webhook._MAY_PASS
    assert pusher.DELAY_MAX == 3600
    assert pusher.LOOK == 0.25
