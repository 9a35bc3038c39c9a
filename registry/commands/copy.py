"""`moorage copy`: images from one repository into another, beside a running server or without."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.commands.shown import size
from registry.domain.copying.orders import Order, Orders
from registry.domain.repositories import scope_and_name
from registry.domain.templates import ON_PUSH
from registry.stores import ecr_stores, orders_of
from registry.values.digest import Digest, shown
from registry.values.errors import Conflict, MoorageError, ParameterInvalid, RepositoryNotFound
from registry.values.reference import repository_name, tag_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.config import Settings
    from registry.domain.repositories import Repository
    from registry.ecr.binding import Stores as EcrStores

_NAMED = re.compile(r"(arn:aws:ecr:[^:/@]+:[0-9]{12}:repository/)?([^:@]*)(?:[:@](.*))?", re.DOTALL)


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--all", "everything", is_flag=True, help="all images of the source")
@click.option("--move", is_flag=True, help="delete from the source what was copied")
@click.option("--referrers/--no-referrers", default=True, help="signatures, SBOMs and so on, too")
@click.option("--create", is_flag=True, help="create the target if it is missing")
@options("data", "account", "region", "regions", *KEYS, "encryption", "sparse_manifests", *STORAGE)
def copy(
    *,
    source: str,
    target: str,
    everything: bool,
    move: bool,
    referrers: bool,
    create: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Copy images from SOURCE to TARGET without a pull and a push.

    SOURCE is NAME:TAG, NAME@DIGEST, or with --all NAME; TARGET is NAME or NAME:NEWTAG. NAME is a
    repository of the default registry, or the ARN of one of another account or region.
    """
    settings = settings_of(config, given)
    first, second = _named(settings, source), _named(settings, target)
    if everything == (first.reference is not None):
        raise ParameterInvalid("name a tag or a digest of the source, or give --all")
    if isinstance(second.reference, Digest):
        raise ParameterInvalid("the target cannot be a digest")
    with opened(settings) as ground:
        stores = ecr_stores(settings, ground)
        order = Order(
            source=stores.repositories.get(first.scope, first.name),
            target=_target(stores, second, create=create),
            rename=second.reference,
            move=move,
            referrers=referrers,
        )
        order.check(everything=everything)
        orders = orders_of(ground, stores)
        if first.reference is not None:
            _one(orders, order, first.reference)
        else:
            _all(orders, order)


@dataclass(frozen=True, slots=True)
class _Named:
    """A repository, and maybe an image in it, as an argument names them."""

    scope: Scope
    name: str
    reference: Digest | str | None


def _named(settings: Settings, text: str) -> _Named:
    """Read an argument. Raises Invalid."""
    match = _NAMED.fullmatch(text)
    if match is None:
        raise ParameterInvalid(f"{shown(text)} is not NAME, NAME:TAG or NAME@DIGEST")
    prefix, name, reference = match.groups()
    if text.startswith("arn:") and not prefix:
        raise ParameterInvalid(f"{shown(text)} is not the ARN of a repository")
    found = scope_and_name(f"{prefix}{name}") if prefix else None
    scope = settings.scope if found is None else found[0]
    if scope.region not in settings.all_regions:
        raise ParameterInvalid(f"this server has no region {shown(scope.region)} (see --regions)")
    repository_name(name)
    if reference is None:
        return _Named(scope, name, None)
    by_digest = text[-len(reference) - 1] == "@"
    return _Named(scope, name, Digest.parse(reference) if by_digest else tag_name(reference))


def _target(stores: EcrStores, named: _Named, *, create: bool) -> Repository:
    try:
        return stores.repositories.get(named.scope, named.name)
    except RepositoryNotFound:
        if not create:
            raise
        return stores.templates.create_for(named.scope, named.name, ON_PUSH)


def _one(orders: Orders, order: Order, reference: Digest | str) -> None:
    copied = orders.one(order, reference)
    tags = ", ".join(copied.tags) or "no tag"
    click.echo(
        f"{copied.digest} ({tags}): {copied.images} new manifests,"
        f" {size(copied.linked)} linked, {size(copied.sealed)} sealed anew"
    )


def _all(orders: Orders, order: Order) -> None:
    """Each image; what could not be copied is told, and the command fails at its end."""
    failed = 0
    for digest in _digests(orders, order.source):
        try:
            _one(orders, order, digest)
        except MoorageError as error:
            failed += 1
            click.echo(f"{digest}: {error}", err=True)
    if failed:
        raise Conflict(f"{failed} images were not {'moved' if order.move else 'copied'}")


def _digests(orders: Orders, source: Repository) -> Iterator[Digest]:
    after = 0
    while found := orders.page(source, after):
        for image_id, digest in found:
            after = image_id
            yield digest
