"""`moorage audit`: who did what, and what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from registry.commands.options import options, settings_of
from registry.domain.audit_query import Query, Search, moment, row

_WIDTHS = (20, 7, 32, 40, 48, 15, 0)


@click.command()
@click.option("--since", help="from then on: 2026-01-31, 2026-01-31T12:00:00Z, or 24h, 7d ago")
@click.option("--until", help="before then")
@click.option("--principal", help="ARN, name, unique id or access key id; wildcards * and ?")
@click.option("--action", help="such as ecr:PutImage or ecr:*")
@click.option("--repository", help="name; wildcards * and ?")
@click.option("--denied", is_flag=True, help="only what was refused")
@click.option("--json", "as_json", is_flag=True, help="the events as they are, a line each")
@options("data")
def audit(
    *,
    since: str | None,
    until: str | None,
    principal: str | None,
    action: str | None,
    repository: str | None,
    denied: bool,
    as_json: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Show the audit log: every decision, and every refusal of credentials.

    A running server writes an event within a second.
    """
    settings, now = settings_of(config, given), datetime.now(UTC)
    query = Query(
        since=moment(since, now) if since else None,
        until=moment(until, now) if until else None,
        principal=principal,
        action=action,
        repository=repository,
        denied=denied,
    )
    search = Search(settings.audit_path, query)
    for event in search:
        click.echo(json.dumps(event) if as_json else _line(row(event)))
    if search.unreadable:
        click.echo(f"{search.unreadable} lines were cut short and passed over", err=True)


def _line(cells: Iterable[str]) -> str:
    padded = (_plain(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join(padded).rstrip()


def _plain(text: str) -> str:
    """The text without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
