"""`moorage rekey`: a repository moves to another key, beside a running server or without one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.commands.shown import size
from registry.config import Settings
from registry.domain.rekeying import Move, Rekeying
from registry.domain.repositories import Encryption, Repository
from registry.domain.vault import PLAIN
from registry.ground import Ground
from registry.stores import rekeyer_of, rekeying_of, repositories_of
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

_LOOK_SECONDS = 0.5
_STATES = {"IN_PROGRESS": "under way", "STOPPED": "stopped"}


@click.command()
@click.argument("repository", required=False)
@click.option("--key", metavar="KEY", help="id, alias or ARN of the KMS key to move to")
@click.option("--aes256", is_flag=True, help="move to the server's own key, as AES256 does")
@click.option("--stop", is_flag=True, help="leave what is not moved yet where it is")
@click.option("--wait/--no-wait", default=True, help="stay until all is moved")
@options("data", "account", "region", "encryption", *KEYS, "gc_grace_hours", *STORAGE)
def rekey(
    *,
    repository: str | None,
    key: str | None,
    aes256: bool,
    stop: bool,
    wait: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Move REPOSITORY to another key while it is used; without REPOSITORY, show all moves.

    From this moment what is pushed is sealed under the new key; everything older is sealed anew,
    by a running server or else by this command, and readable all the time. A move that was cut
    short goes on by itself. Once it is done, the old key opens nothing of the repository.
    With neither --key nor --aes256 a move that was begun is shown. A move that was stopped goes
    on with --key or --aes256 again.
    """
    settings = settings_of(config, given)
    if stop and (key is not None or aes256):
        raise ParameterInvalid("--stop goes with no key")
    if repository is None and (key is not None or aes256 or stop):
        raise ParameterInvalid("which repository is to move? moorage rekey REPOSITORY --key KEY")
    with opened(settings) as ground:
        rekeying = rekeying_of(settings, ground)
        if repository is None:
            _show(ground, rekeying.moves())
            return
        found = repositories_of(settings, ground).get(settings.scope, repository)
        if key is not None or aes256:
            found = rekeying.start(found, _encryption(key, aes256=aes256))
        if stop:
            rekeying.stop(found)
        elif wait:
            _wait(settings, ground, rekeying, found)
        _show(ground, rekeying.moves(found))


def _encryption(key: str | None, *, aes256: bool) -> Encryption:
    if aes256 and key is not None:
        raise ParameterInvalid("--key and --aes256: give one of them")
    return Encryption("AES256") if aes256 else Encryption("KMS", key)


def _wait(settings: Settings, ground: Ground, rekeying: Rekeying, repository: Repository) -> None:
    """Until nothing but uploads is left, or something is in the way."""
    rekeyer, stop = rekeyer_of(settings, ground), threading.Event()
    length = max(1, sum(move.left.blob_bytes for move in _open(rekeying, repository)))
    shown = _moved(rekeying, repository)

    def report(count: int) -> None:
        nonlocal shown
        shown += count
        bar.update(count)

    with click.progressbar(
        length=length, label="moving", file=sys.stderr, update_min_steps=1 << 20
    ) as bar:
        while True:
            rekeyer.run(stop, report=report)
            report(max(0, _moved(rekeying, repository) - shown))  # by a server
            if not _going(rekeying, repository):
                return
            stop.wait(_LOOK_SECONDS)


def _open(rekeying: Rekeying, repository: Repository) -> list[Move]:
    return [move for move in rekeying.moves(repository) if move.finished_at is None]


def _going(rekeying: Rekeying, repository: Repository) -> bool:
    return any(
        move.problem is None
        and move.stopped_at is None
        and (move.left.blobs or move.left.manifests)
        for move in _open(rekeying, repository)
    )


def _moved(rekeying: Rekeying, repository: Repository) -> int:
    return sum(move.blob_bytes for move in rekeying.moves(repository))


def _show(ground: Ground, moves: list[Move]) -> None:
    for move in moves:
        scope = move.repository.scope
        ended = move.finished_at
        state = f"finished {ended:%Y-%m-%d %H:%M:%S} UTC" if ended else _STATES[move.status]
        click.echo(f"{move.repository.arn}")
        click.echo(f"  from      {_key(ground, scope, move.key_id)}")
        click.echo(f"  to        {_key(ground, scope, move.repository.key_id)}")
        click.echo(f"  state     {state}, begun {move.started_at:%Y-%m-%d %H:%M:%S} UTC")
        click.echo(
            f"  moved     {move.blobs:,} blobs, {size(move.blob_bytes)};"
            f" {move.manifests:,} manifests"
        )
        if ended is None:
            click.echo(f"  left      {_left(move)}")
        if move.problem:
            click.echo(f"  problem   {move.problem}")


def _key(ground: Ground, scope: Scope, key_id: str) -> str:
    return "no encryption" if key_id == PLAIN else ground.provider.arn(key_id, scope)


def _left(move: Move) -> str:
    left = move.left
    text = f"{left.blobs:,} blobs, {size(left.blob_bytes)}; {left.manifests:,} manifests"
    if not left.uploads:
        return text
    return f"{text}; {left.uploads:,} uploads that began before and end under the old key"
