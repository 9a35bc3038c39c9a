"""`moorage scan vex` and `moorage scan settings`: what is said of findings, and who is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.named import named
from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, Group, options, settings_of
from registry.commands.scan_database import PRINCIPAL
from registry.domain.scanning.settings import (
    TRUSTED,
    RepositoryScanSettings,
    ScanSettings,
)
from registry.domain.vex.kept import VexDocuments
from registry.stores import ecr_stores
from registry.values.errors import ParameterInvalid
from registry.values.reports import ATTACHED

if TYPE_CHECKING:
    from registry.domain.repositories import Repository
    from registry.ecr.binding import Stores
    from registry.ground import Ground
    from registry.values.digest import Digest

_on_server = options("data", "account", "region", "regions", *KEYS, *STORAGE)


@dataclass(frozen=True, slots=True)
class _Opened:
    ground: Ground
    stores: Stores
    repository: Repository
    reference: Digest | str | None

    @property
    def documents(self) -> VexDocuments:
        """Those that are kept."""
        return VexDocuments(self.ground.database)


@contextmanager
def _opened(text: str, config: Path | None, given: dict[str, Any]) -> Iterator[_Opened]:
    settings = settings_of(config, given)
    with opened(settings) as ground:
        stores = ecr_stores(settings, ground)
        found = named(settings, text)
        repository = stores.repositories.get(found.scope, found.name)
        yield _Opened(ground, stores, repository, found.reference)


@click.group(cls=Group)
def vex() -> None:
    """VEX documents: which findings are none; docs/vex.md describes them."""


@vex.command()
@click.argument("repository")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_on_server
def add(repository: str, name: str, file: Path, config: Path | None, **given: Any) -> None:
    """Keep the VEX document in FILE under NAME for a REPOSITORY; a running server heeds it."""
    with _opened(repository, config, given) as here:
        try:
            content = file.read_text("utf-8")
        except UnicodeDecodeError:
            raise ParameterInvalid(f"{file} is not JSON in UTF-8") from None
        kept = here.documents.put(here.repository, name, content, PRINCIPAL)
    click.echo(f"{kept.name} is kept: {kept.form} {kept.document_id}, by {kept.author}")


@vex.command("list")
@click.argument("image", metavar="REPOSITORY|REPOSITORY:TAG|REPOSITORY@DIGEST")
@_on_server
def list_(image: str, config: Path | None, **given: Any) -> None:
    """List the VEX documents of a repository; of an image also those that are attached to it."""
    with _opened(image, config, given) as here:
        for each in here.documents.list(here.repository):
            since = f"{each.added_at:%Y-%m-%d %H:%M} UTC by {each.added_by}"
            click.echo(f"{each.name}  {each.form} {each.document_id}, by {each.author}  {since}")
        if here.reference is None:
            return
        digest = here.stores.images.get(here.repository, here.reference).image.digest
        for attached in here.stores.vex.attached(here.repository, digest):
            if attached.document is None:
                click.echo(f"{attached.digest}  does not count: {attached.reason}")
            else:
                about = attached.document
                click.echo(f"{attached.digest}  {about.form} {about.id}, by {about.author}")


@vex.command()
@click.argument("repository")
@click.argument("name")
@_on_server
def show(repository: str, name: str, config: Path | None, **given: Any) -> None:
    """Write a VEX document."""
    with _opened(repository, config, given) as here:
        click.echo(here.documents.get(here.repository, name)[1])


@vex.command()
@click.argument("repository")
@click.argument("name")
@_on_server
def remove(repository: str, name: str, config: Path | None, **given: Any) -> None:
    """Forget a VEX document: what it suppressed counts again."""
    with _opened(repository, config, given) as here:
        here.documents.remove(here.repository, name)
    click.echo(f"{name} is removed")


@click.command()
@click.argument("repository")
@click.option("--attach", "forms", type=click.Choice(ATTACHED), multiple=True, help="repeatable")
@click.option("--attach-none", is_flag=True, help="attach nothing, whatever the server does")
@click.option("--attach-default", is_flag=True, help="attach what the server attaches")
@click.option("--vex-referrers", type=click.Choice(TRUSTED), help="which attached VEX counts")
@click.option(
    "--vex-key",
    "keys",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="public key in PEM; repeatable, in the place of those there were",
)
@_on_server
def settings(
    *,
    repository: str,
    forms: tuple[str, ...],
    attach_none: bool,
    attach_default: bool,
    vex_referrers: str | None,
    keys: tuple[Path, ...],
    config: Path | None,
    **given: Any,
) -> None:
    """Change what is set for the scans of a REPOSITORY; without options, show it."""
    if bool(forms) + attach_none + attach_default > 1:
        raise ParameterInvalid("give one of --attach, --attach-none and --attach-default")
    with _opened(repository, config, given) as here:
        known = RepositoryScanSettings(here.ground.database)
        found = before = known.of(here.repository)
        if forms or attach_none:
            found = replace(found, attach=forms)
        elif attach_default:
            found = replace(found, attach=None)
        if vex_referrers is not None:
            found = replace(found, vex_referrers=vex_referrers)
        if keys:
            found = replace(found, vex_keys=tuple(each.read_text("utf-8") for each in keys))
        if found != before:
            known.put(here.repository, found)
    for line in _told(found):
        click.echo(line)


def _told(found: ScanSettings) -> list[str]:
    attach = "as the server does" if found.attach is None else ", ".join(found.attach) or "nothing"
    count = len(found.vex_keys)
    return [
        f"attached after each scan: {attach}",
        f"attached VEX documents that count: {found.vex_referrers}",
        f"keys of such documents: {count}",
    ]
