"""What an operator does with `moorage`, written into the audit log beside what clients do."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

import click

from registry import __version__
from registry.config import Settings
from registry.domain.audit import append
from registry.domain.audit_events import operator_line
from registry.values.errors import MoorageError

_UNRECORDED = frozenset({"serve", "audit"})
"""A server's own life is in its log, and reading the audit log changes nothing."""

_RECORDED = "moorage.recorded"

_SHOWN = frozenset({
    "aes256", "alias", "allow", "days", "description", "directory", "dry_run", "key", "name",
    "number", "prune", "repair", "repositories", "repository", "robot", "source", "tag", "target",
    "user",
})  # fmt: skip
"""Parameters of commands that an event shows; anything else may be long, or a secret."""


def record(settings: Settings) -> None:
    """Have the command that is running now written down when it ends, and how."""
    command = click.get_current_context(silent=True)
    if command is None or not settings.audit or _name(command) in _UNRECORDED:
        return
    if _RECORDED in command.meta:  # it asked for its settings before
        return
    command.meta[_RECORDED] = True
    command.with_resource(_recorded(command, settings))


@contextmanager
def _recorded(command: click.Context, settings: Settings) -> Iterator[None]:
    try:
        yield
    except (MoorageError, click.ClickException) as error:
        _write(command, settings, str(error))
        raise
    except SystemExit as end:
        _write(command, settings, f"exit status {end.code}" if end.code else None)
        raise
    except BaseException as error:
        _write(command, settings, type(error).__name__)
        raise
    else:
        _write(command, settings, None)


def _write(command: click.Context, settings: Settings, error: str | None) -> None:
    if not (settings.data / "moorage.db").exists():
        return  # nothing is kept here that anybody could have touched
    line = operator_line(
        _name(command),
        _operator(),
        {name: it for name, it in command.params.items() if name in _SHOWN and it is not None},
        region=settings.region,
        account=settings.account,
        user_agent=f"moorage/{__version__}",
        error=error,
    )
    try:
        append(settings.audit_path, line)
    except OSError as failure:
        click.echo(f"the audit log cannot be written: {failure.strerror}", err=True)


def _name(command: click.Context) -> str:
    """`token create`, of whatever the program itself is called."""
    names: list[str] = []
    each: click.Context | None = command
    while each is not None and each.parent is not None:
        names.insert(0, each.info_name or "")
        each = each.parent
    return " ".join(names)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many a container
        return "unknown"
