"""`moorage verify`: everything that is stored, read and checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.commands.shown import size
from registry.domain.repair import Repair, implausible
from registry.domain.vault import Vault
from registry.domain.verification import Found, Pace, Problem, Verification
from registry.ground import Ground
from registry.values.errors import Conflict

_SHOWN_MAX = 1000


@click.command()
@click.option("--repair", is_flag=True, help="put right what can be: see docs/operations.md")
@click.option("--force", is_flag=True, help="repair even if very much is lost")
@click.option("--again", is_flag=True, help="begin anew, even if the last run was cut short")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="MiB to read in a second at most"
)
@options("data", "account", "region", *KEYS, *STORAGE)
def verify(
    *,
    repair: bool,
    force: bool,
    again: bool,
    rate: float | None,
    config: Path | None,
    **given: Any,
) -> None:
    """Read everything and check every digest and every authentication tag.

    A server may run meanwhile. A run that was cut short goes on where it was. Exit status 1 if
    anything is wrong, repaired or not.
    """
    settings = settings_of(config, given)
    pace = Pace(None if rate is None else rate * (1 << 20))
    with opened(settings) as ground:
        vault = Vault(ground.storage, ground.provider)
        verification = Verification(ground.database, vault, ground.storage, pace)
        found = _read(verification, again=again)
        done = _repaired(ground, vault, verification, found, force=force) if repair else {}
    for line in _table(found.problems, done):
        click.echo(line)
    click.echo(_summary(found))
    sys.exit(1 if found.problems else 0)


def _read(verification: Verification, *, again: bool) -> Found:
    found, finished = verification.begin(again=again), False
    if found.bytes:
        click.echo(f"going on after {size(found.bytes)}", err=True)
    try:
        length = max(verification.left(found), 1)
        with click.progressbar(
            length=length,
            label="verifying",
            update_min_steps=1 << 20,
            file=sys.stderr,
        ) as bar:
            verification.run(found, bar.update)
            bar.finish()
        finished = True
    finally:
        verification.end(found, finished=finished)
    return found


def _repaired(
    ground: Ground, vault: Vault, verification: Verification, found: Found, *, force: bool
) -> dict[Problem, str]:
    """What was done about each problem. Raises Conflict where it is safer to ask first."""
    if implausible(found) and not force:
        for line in _table(found.problems, {}):
            click.echo(line)
        raise Conflict(
            f"{len(found.problems)} problems: are the storage and the keyring those of this"
            " data? Nothing was repaired; --force drops what is lost"
        )
    repair = Repair(ground.database, vault, ground.storage, verification)
    return {problem: repair.one(problem) for problem in found.problems}


def _table(problems: Iterable[Problem], done: dict[Problem, str]) -> list[str]:
    rows = [
        (problem.kind, problem.subject, problem.name, done.get(problem, problem.detail))
        for problem in problems
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows[:_SHOWN_MAX]
    ]
    if len(rows) > _SHOWN_MAX:
        lines.append(f"and {len(rows) - _SHOWN_MAX:,} more")
    return lines


def _summary(found: Found) -> str:
    what = f"{found.blobs:,} blobs and {found.manifests:,} manifests, {size(found.bytes)}"
    if not found.problems:
        return f"{what}: all is well"
    kinds = sorted({problem.kind for problem in found.problems})
    counts = (f"{sum(p.kind == kind for p in found.problems):,} {kind}" for kind in kinds)
    return f"{what}: {', '.join(counts)}"
