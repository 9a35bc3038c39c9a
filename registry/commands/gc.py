"""`moorage gc`: collect garbage now, beside a running server or without one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.commands.shown import size
from registry.domain.garbage import Freed, Garbage
from registry.domain.tasks import HELD
from registry.stores import garbage_of
from registry.values.errors import Conflict

_WAIT_SECONDS = HELD.total_seconds() + 30


@click.command()
@click.option("--dry-run", is_flag=True, help="only say what would be freed")
@options("data", "account", "region", *KEYS, "gc_grace_hours", "upload_expiry_hours", *STORAGE)
def gc(*, dry_run: bool, config: Path | None, **given: Any) -> None:
    """Free what nobody needs any more; pushes and pulls go on meanwhile.

    Blobs that no image needs, once their grace period is over; uploads that were abandoned;
    objects that a crash left behind. Images are never touched. A server does the same by itself
    every ten minutes.
    """
    settings = settings_of(config, given)
    with opened(settings) as ground:
        garbage = garbage_of(settings, ground)
        expected = garbage.survey()
        if dry_run:
            click.echo(_told("would free", expected))
            return
        freed = _collect(garbage, expected)
    click.echo(_told("freed", freed))


def _collect(garbage: Garbage, expected: Freed) -> Freed:
    """A run with a bar; waits for one that runs now. Raises Conflict if that does not end."""
    stop = threading.Event()
    with _bar(expected) as report:
        for waited in range(round(_WAIT_SECONDS)):
            freed = garbage.run(stop, report=report)
            if freed is not None:
                return freed
            if waited == 0:
                click.echo("waiting for the collection that runs now", err=True)
            stop.wait(1)
    raise Conflict("another process collects, and does not come to an end")


@contextmanager
def _bar(expected: Freed) -> Iterator[Any]:
    length = max(expected.count, 1)
    with click.progressbar(length=length, label="collecting", file=sys.stderr) as bar:
        yield lambda freed: bar.update(freed.count)


def _told(verb: str, freed: Freed) -> str:
    lines = [
        f"{verb} {size(freed.bytes)}:",
        f"  {freed.blobs} blobs, {size(freed.blob_bytes)}; {freed.links} taken out of a repository",
        f"  {freed.uploads} abandoned uploads, {size(freed.upload_bytes)}",
        f"  {freed.objects} objects left behind, {size(freed.object_bytes)}",
    ]
    return "\n".join(lines)
