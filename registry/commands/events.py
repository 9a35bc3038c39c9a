"""`moorage events`: who is told of what happens, and what they did not take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.config import Settings
from registry.domain.events.deliveries import Delivery, Load, Queue
from registry.domain.events.event import ACTIONS, DETAIL_TYPES
from registry.domain.events.targets import Target, Targets, Wish
from registry.domain.tasks import now
from registry.stores import event_queue_of, event_targets_of

_on_server = options("data", "account", "region", *KEYS)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Told:
    """What these commands work on."""

    settings: Settings
    targets: Targets
    queue: Queue

    def target(self, name: str) -> Target:
        return self.targets.get(self.settings.scope, name)

    def dead(self, target: Target) -> Iterator[Delivery]:
        after = 0
        while page := self.queue.dead(target, after, _PAGE):
            yield from page
            after = page[-1].id


@contextmanager
def _opened(config: Path | None, given: dict[str, Any]) -> Iterator[_Told]:
    settings = settings_of(config, given)
    with opened(settings) as ground:
        yield _Told(settings, event_targets_of(ground), event_queue_of(settings, ground))


@click.group(cls=Group)
def events() -> None:
    """Events for webhooks and the log; a running server sees every change at once."""


@events.command()
@_on_server
def targets(config: Path | None, **given: Any) -> None:
    """List who is told of events, what waits for them, and what was given up."""
    with _opened(config, given) as told:
        loads = told.queue.loads()
        found = [each for each in told.targets.list() if each.is_log]
        found += told.targets.list(told.settings.scope)
    for target in found:
        click.echo("\n".join(_described(target, loads.get(target.id, Load()))))


@events.command("put-target")
@click.argument("name")
@click.argument("url")
@click.option("--detail-type", "kinds", multiple=True, type=click.Choice(DETAIL_TYPES),
              help="only events of this type; may be repeated")  # fmt: skip
@click.option("--action", "actions", multiple=True, type=click.Choice(ACTIONS),
              help="only events of this action; may be repeated")  # fmt: skip
@click.option("--repository", "repositories", multiple=True,
              help="only of this repository, with wildcards: team/*; may be repeated")  # fmt: skip
@click.option("--secret-file", type=click.File("r"),
              help="file with the secret for signatures, - for standard input")  # fmt: skip
@_on_server
def put_target(
    *,
    name: str,
    url: str,
    kinds: tuple[str, ...],
    actions: tuple[str, ...],
    repositories: tuple[str, ...],
    secret_file: Any,
    config: Path | None,
    **given: Any,
) -> None:
    """Make the webhook NAME, or change it; a new secret is printed, this once.

    Its filters are those of this command, and no others that it may have had.
    """
    secret = secret_file.read().strip() if secret_file else None
    wish = Wish(url, kinds, actions, repositories, secret)
    with _opened(config, given) as told:
        made = told.targets.put(told.settings.scope, name, wish)
    click.echo(f"{name} is told of events", err=True)
    if made is not None and secret is None:
        click.echo("this is the secret of its signatures, shown once:", err=True)
        click.echo(made)


@events.command("delete-target")
@click.argument("name")
@_on_server
def delete_target(name: str, config: Path | None, **given: Any) -> None:
    """Forget the webhook NAME, and what waits for it."""
    with _opened(config, given) as told:
        told.targets.delete(told.settings.scope, name)
    click.echo(f"{name} is told of nothing any more")


@events.command("list")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="the events as they are, a line each")
@_on_server
def list_(name: str, config: Path | None, *, as_json: bool, **given: Any) -> None:
    """List the dead letters of NAME: events that it did not take and that were given up."""
    with _opened(config, given) as told:
        for letter in told.dead(told.target(name)):
            click.echo(letter.body if as_json else _line(letter))


@events.command()
@click.argument("name")
@click.option("--event", "event_id", help="id of the only event to try; else all dead letters")
@_on_server
def retry(name: str, event_id: str | None, config: Path | None, **given: Any) -> None:
    """Try dead letters of NAME again, before what waits for it.

    It is also tried at once, if it is waited for because it failed.
    """
    with _opened(config, given) as told:
        count = told.queue.retry(told.target(name), now(), event_id)
    click.echo(f"{count} events are tried again")
    if event_id is not None and not count:
        sys.exit(1)


def _described(target: Target, load: Load) -> Iterator[str]:
    yield f"{target.name}  {target.url or 'the event log of this server'}"
    if target.detail_types:
        yield f"  types         {', '.join(target.detail_types)}"
    if target.actions:
        yield f"  actions       {', '.join(target.actions)}"
    if target.repositories:
        yield f"  repositories  {', '.join(target.repositories)}"
    yield f"  waiting       {load.waiting}, given up {load.dead}"
    if target.failures and target.error is not None:
        again = f", tried again at {target.next_at:%H:%M:%S} UTC" if target.next_at else ""
        yield f"  failing       {target.error}, {target.failures} times in a row{again}"


def _line(letter: Delivery) -> str:
    event = letter.event
    detail = event["detail"]
    what = [event["detail-type"], detail.get("action-type", ""), detail["repository-name"]]
    why = f"{letter.error}, {letter.attempts} attempts"
    return "  ".join([event["id"], event["time"], *filter(None, what), why])
