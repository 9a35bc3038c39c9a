"""`moorage copy`: images from one repository into another, beside a running server or without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.named import Named, named
from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.commands.shown import size
from registry.domain.copying.orders import Order, Orders
from registry.domain.templates import ON_PUSH
from registry.stores import ecr_stores, orders_of
from registry.values.digest import Digest
from registry.values.errors import Conflict, MoorageError, ParameterInvalid, RepositoryNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.domain.repositories import Repository
    from registry.ecr.binding import Stores as EcrStores


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
    first, second = named(settings, source), named(settings, target)
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


def _target(stores: EcrStores, named: Named, *, create: bool) -> Repository:
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
