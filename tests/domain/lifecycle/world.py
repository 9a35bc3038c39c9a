"""Images and rules out of few words, for the tests of lifecycle policies."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.lifecycle.evaluation import Selection, evaluate, microseconds
from registry.domain.lifecycle.kinship import Image
from registry.domain.lifecycle.language import Rule, parse
from registry.domain.lifecycle.matching import DAY

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MOMENT = microseconds(NOW)
ARCHIVE = {"type": "transition", "targetStorageClass": "archive"}
RETAIN = {"type": "retain"}


def digest_of(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def made(
    number: int,
    age: float = 0,
    *tags: str,
    pulled: float | None = None,
    archived: float | None = None,
    activated: float | None = None,
    subject: str | None = None,
    children: tuple[int, ...] = (),
) -> Image:
    """An image; ages are in days."""

    def before(days: float) -> int:
        return MOMENT - round(days * DAY)

    return Image(
        id=number,
        digest=digest_of(str(number)),
        pushed=before(age),
        pulled=None if pulled is None else before(pulled),
        status="ARCHIVED" if archived is not None and activated is None else "ACTIVE",
        archived=None if archived is None else before(archived),
        activated=None if activated is None else before(activated),
        subject=subject,
        tags=tuple(sorted(tags)),
        children=tuple(sorted(digest_of(str(each)) for each in children)),
    )


def rule(priority: int = 1, action: Any = None, **selection: Any) -> dict[str, Any]:
    """A rule, by default one that expires all images but 30."""
    chosen = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30, **selection}
    return {
        "rulePriority": priority,
        "description": "x" * 100,
        "selection": chosen,
        "action": action or {"type": "expire"},
    }


def aged(days: int, kind: str = "sinceImagePushed", **more: Any) -> dict[str, Any]:
    """The selection of a rule by age."""
    return {"countType": kind, "countUnit": "days", "countNumber": days, **more}


def tagged(*prefixes: str, **more: Any) -> dict[str, Any]:
    """The selection of a rule for tags with prefixes."""
    return {"tagStatus": "tagged", "tagPrefixList": list(prefixes), **more}


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": rules})


def rules_of(*rules: dict[str, Any]) -> tuple[Rule, ...]:
    return parse(policy(*rules))


def selected(
    rules: list[dict[str, Any]], images: list[Image], used: frozenset[int] = frozenset()
) -> dict[int, tuple[int, str]]:
    """Priority and action by image."""
    found = evaluate(rules_of(*rules), images, NOW, used)
    return {each.image.id: (each.priority, action_of(each)) for each in found}


def action_of(selection: Selection) -> str:
    return "expire" if selection.expires else "archive"


def later(days: float) -> datetime:
    return NOW + timedelta(days=days)
