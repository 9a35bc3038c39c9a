"""`moorage policy explain`: what would be decided, and by which statement."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, options, settings_of
from registry.domain.access import Circumstances, Value
from registry.domain.explanation import Explanation, Principals
from registry.domain.explanation import explain as explained
from registry.stores import access_of, repositories_of
from registry.values.errors import ParameterInvalid

DENIED = 2
"""Exit status where the answer is no."""


@click.command()
@click.option("--principal", required=True, help="ARN of a user, role or session; or anonymous")
@click.option("--action", required=True, help="such as ecr:PutImage")
@click.option("--resource", required=True, help="ARN, or *")
@click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help="a condition key")
@options("data", "account", "region", *KEYS, "robot_tokens")
def explain(
    principal: str,
    action: str,
    resource: str,
    pairs: tuple[str, ...],
    config: Path | None,
    **given: Any,
) -> None:
    """Decide as the server would now, and show the statement that decided.

    Exit status 0 if the request is allowed, 2 if it is denied.
    """
    settings = settings_of(config, given)
    circumstances = Circumstances(more=_context(pairs))
    with opened(settings) as ground:
        principals = Principals(ground.directory, ground.robots)
        identity = principals.find(principal, datetime.now(UTC))
        access = access_of(settings, ground, repositories_of(settings, ground))
        answer = explained(access, identity, action, resource, circumstances)
    for line in _lines(answer):
        click.echo(line)
    sys.exit(0 if answer.decision.allowed else DENIED)


def _lines(answer: Explanation) -> list[str]:
    decision = answer.decision
    lines = [f"{'ALLOWED' if decision.allowed else 'DENIED'}: {decision.reason.value}"]
    lines.append(answer.message)
    if answer.statement is None:
        kind = decision.kind.value if decision.kind else None
        return [*lines, f"no statement of any {kind} decided" if kind else "the root user may"]
    sid = f", Sid {decision.sid!r}" if decision.sid else ""
    kind = decision.kind.value if decision.kind else "policy"
    lines.append(f"{kind} {decision.policy!r}, statement {decision.statement}{sid}:")
    return [*lines, json.dumps(answer.statement, indent=2)]


def _context(pairs: Sequence[str]) -> dict[str, Value]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or ":" not in key:
            raise ParameterInvalid(f"--context {pair!r} is not like aws:SourceIp=192.0.2.1")
        found.setdefault(key.lower(), []).append(value)
    return {key: each[0] if len(each) == 1 else tuple(each) for key, each in found.items()}
