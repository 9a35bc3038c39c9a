"""`moorage lifecycle`: what lifecycle policies would do, do, and did."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, Group, options, settings_of
from registry.commands.shown import size
from registry.config import Settings
from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.evaluation import Selection
from registry.domain.lifecycle.language import parse
from registry.domain.lifecycle.policies import LifecyclePolicy
from registry.domain.lifecycle.stores import Lifecycle
from registry.domain.lifecycle.weighing import freed_bytes
from registry.domain.repositories import Repositories, Repository
from registry.domain.tasks import HELD
from registry.ground import Ground
from registry.stores import lifecycle_stores, repositories_of
from registry.values.errors import Conflict
from registry.values.expiring import LifecyclePreviewNotFound

_WAIT_SECONDS = HELD.total_seconds() + 30
_LISTED = 20
"""Images of one repository that a report names; --all names all."""

_on_server = options("data", "account", "region", *KEYS, "lifecycle_notice_hours", *STORAGE)
_repositories = click.argument("repositories", metavar="[REPOSITORY]...", nargs=-1)


@click.group(cls=Group)
def lifecycle() -> None:
    """Lifecycle policies: what goes by itself; docs/lifecycle.md describes them."""


@lifecycle.command()
@_repositories
@click.option(
    "--policy", "file", type=click.Path(path_type=Path), help="this policy, not those in force"
)
@click.option("--all", "everything", is_flag=True, help="name every image")
@_on_server
def report(
    repositories: Sequence[str],
    file: Path | None,
    everything: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Say what would go now, and the bytes that it frees; nothing is changed.

    Of the repositories named, or of all that have a policy.
    """
    settings = settings_of(config, given)
    document = None if file is None else file.read_text("utf-8")
    if document is not None:
        parse(document)
    with _parts(settings) as (ground, known, parts):
        for repository in _chosen(settings, known, parts, repositories):
            text = document or parts.policies.get(repository).document
            selections, _ = parts.runs.select(repository.id, text)
            going = [each.image.id for each in selections if each.expires]
            with ground.database.read() as connection:
                freed = freed_bytes(connection, repository.id, going)
            _tell(repository, selections, freed, None if everything else _LISTED)


@lifecycle.command()
@_repositories
@_on_server
def run(repositories: Sequence[str], config: Path | None, **given: Any) -> None:
    """Run policies now, whether they are due or not; a server may run meanwhile.

    Those of the repositories named, or all.
    """
    settings = settings_of(config, given)
    with _parts(settings) as (_, known, parts):
        chosen = _chosen(settings, known, parts, repositories)
        asked = {each.id: each.name for each in chosen}
        for repository in chosen:
            parts.runs.hurry(repository)
        before = {each.id: parts.policies.get(each) for each in chosen}
        _run(parts, chosen, before)
        for repository in chosen:
            policy = parts.policies.get(repository)
            click.echo(f"{asked[repository.id]}: {_did(policy)}")


@lifecycle.command()
@click.argument("name", metavar="REPOSITORY")
@_on_server
def show(name: str, config: Path | None, **given: Any) -> None:
    """Show a repository's policy, when it ran and will run, and its last preview."""
    settings = settings_of(config, given)
    with _parts(settings) as (_, known, parts):
        repository = known.get(settings.scope, name)
        policy = parts.policies.get(repository)
        click.echo(policy.document.strip())
        click.echo(f"last run  {_did(policy)}")
        click.echo(f"next run  {policy.due_at:%Y-%m-%d %H:%M:%S} UTC")
        try:
            preview = parts.previews.get(repository)
        except LifecyclePreviewNotFound:
            return
        counts = f"{preview.expiring} would go, {preview.archiving} would be archived"
        click.echo(f"preview   {preview.status}: {counts}, {size(preview.freed)} would be free")


def _run(
    parts: Lifecycle, chosen: Sequence[Repository], before: dict[int, LifecyclePolicy]
) -> None:
    """Run, or wait for who does. Raises Conflict if that does not come to an end."""
    stop, end = threading.Event(), time.monotonic() + _WAIT_SECONDS
    with _bar() as advance:
        while time.monotonic() < end:
            for _ in parts.runs.run(stop, advance):
                end = time.monotonic() + _WAIT_SECONDS
            now = {each.id: parts.policies.get(each).evaluated_at for each in chosen}
            if all(now[each] != before[each].evaluated_at for each in now):
                return
            stop.wait(0.2)
    raise Conflict("another process runs lifecycle policies, and does not come to an end")


@contextmanager
def _bar() -> Iterator[Any]:
    with click.progressbar(length=1, label="running", file=sys.stderr) as bar:

        def advance(done: Done) -> None:
            bar.length = (bar.length or 0) + done.count
            bar.update(done.count)

        yield advance
        bar.update(1)


@contextmanager
def _parts(settings: Settings) -> Iterator[tuple[Ground, Repositories, Lifecycle]]:
    with opened(settings) as ground:
        known = repositories_of(settings, ground)
        yield ground, known, lifecycle_stores(settings, ground, known)


def _chosen(
    settings: Settings, known: Repositories, parts: Lifecycle, names: Sequence[str]
) -> list[Repository]:
    wanted = names or parts.policies.names(settings.scope)
    return [known.get(settings.scope, name) for name in dict.fromkeys(wanted)]


def _tell(
    repository: Repository, selections: Sequence[Selection], freed: int, most: int | None
) -> None:
    going = sum(each.expires for each in selections)
    moving = len(selections) - going
    click.echo(
        f"{repository.name}: {going} images would go, which frees {size(freed)};"
        f" {moving} would be archived"
    )
    for each in selections[:most]:
        verb = "go" if each.expires else "be archived"
        tags = ", ".join(each.image.tags) or "untagged"
        click.echo(f"  {each.image.digest} ({tags}) would {verb} by rule {each.priority}")
    if most is not None and len(selections) > most:
        click.echo(f"  and {len(selections) - most} more; --all names them")


def _did(policy: LifecyclePolicy) -> str:
    if policy.evaluated_at is None:
        return "never"
    done = policy.last_run
    return (
        f"{policy.evaluated_at:%Y-%m-%d %H:%M:%S} UTC: {done.get('expired', 0)} images deleted,"
        f" {done.get('archived', 0)} archived, {done.get('kept', 0)} left for a later run"
    )
