"""`moorage scan`: what scans found, and asking for one, beside a running server or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.named import named
from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, Group, options, settings_of
from registry.commands.scan_database import PRINCIPAL, database
from registry.commands.scan_vex import settings as repository_settings
from registry.commands.scan_vex import vex
from registry.domain.scan_reports.attachments import FORMS
from registry.domain.scan_reports.forms import Form, form_named
from registry.domain.scan_reports.page_parts import listed
from registry.domain.scanning.asking import Asking
from registry.domain.scanning.requests import scannable
from registry.domain.scanning.states import COMPLETE
from registry.ecr.binding import Stores
from registry.stores import attachments_of, ecr_stores, report_writer_of
from registry.values.errors import ParameterInvalid
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.config import Settings
    from registry.domain.images import Image
    from registry.domain.repositories import Repository
    from registry.domain.scanning.scans import ScanState
    from registry.ground import Ground
    from registry.values.digest import Digest

_on_server = options("data", "account", "region", "regions", "trivy", *KEYS, *STORAGE)
_PAGE = 500
_UNLIMITED = 0


@dataclass(frozen=True, slots=True)
class _Opened:
    settings: Settings
    ground: Ground
    stores: Stores

    def image(self, text: str) -> tuple[Repository, Digest | str]:
        """The repository and the reference that an argument names. Raises Invalid, NotFound."""
        found = named(self.settings, text)
        if found.reference is None:
            raise ParameterInvalid("name an image: NAME:TAG or NAME@DIGEST")
        return self.stores.repositories.get(found.scope, found.name), found.reference


@contextmanager
def _opened(config: Path | None, given: dict[str, Any]) -> Iterator[_Opened]:
    settings = settings_of(config, given)
    with opened(settings) as ground:
        yield _Opened(settings, ground, ecr_stores(settings, ground))


@click.group(cls=Group)
def scan() -> None:
    """Scans of images; docs/scanning.md describes them."""


@scan.command()
@click.argument("image")
@click.option(
    "--format", "form", type=click.Choice([each.value for each in Form]), default=Form.JSON.value
)
@click.option("--platform", default="", help="of an index: linux/arm64, or its image's digest")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="a file")
@_on_server
def report(
    *,
    image: str,
    form: str,
    platform: str,
    output: Path | None,
    config: Path | None,
    **given: Any,
) -> None:
    """Write what the last scan of IMAGE found; NAME:TAG or NAME@DIGEST."""
    with _opened(config, given) as here:
        writer = report_writer_of(here.settings, here.stores)
        subject = writer.subject(*here.image(image))
        if platform:
            subject = subject.only(platform)
        content = writer.write(subject, form_named(form))
    if output is None:
        click.echo(content, nl=False)
    else:
        output.write_bytes(content)


@scan.command()
@click.argument("image")
@_on_server
def start(image: str, config: Path | None, **given: Any) -> None:
    """Ask for a scan of IMAGE; a running server scans it, or the next that starts.

    The limit of scans in a day is for clients: it does not count here.
    """
    with _opened(config, given) as here:
        stored = here.stores.images.get(*here.image(image))
        if not scannable(parse(stored.content, stored.image.media_type)):
            raise ParameterInvalid(f"{image} is an artifact: nothing in it can be scanned")
        Asking(here.ground.database, _UNLIMITED).start(stored.image)
    click.echo(f"{stored.image.digest} is to be scanned")


@scan.command()
@click.argument("image")
@click.option(
    "--format",
    "forms",
    type=click.Choice([each.value for each in FORMS]),
    multiple=True,
    default=[Form.CYCLONEDX.value],
    show_default=True,
    help="may be repeated",
)
@click.option("--platform", default="", help="of an index: linux/arm64, or its image's digest")
@_on_server
def attach(
    image: str, forms: tuple[str, ...], platform: str, config: Path | None, **given: Any
) -> None:
    """Attach the report of IMAGE's last scan to the image, in the place of an older one."""
    with _opened(config, given) as here:
        writer = report_writer_of(here.settings, here.stores)
        attachments = attachments_of(here.stores, writer)
        repository, reference = here.image(image)
        subject = writer.subject(repository, reference)
        if platform:
            subject = subject.only(platform)
        for form in dict.fromkeys(forms):
            made = attachments.attach(repository, subject, form_named(form), PRINCIPAL)
            told = "attached" if made.is_new else "is attached already"
            click.echo(f"{form}  {made.digest}  {told} to {made.subject}")


@scan.command()
@click.argument("image")
@_on_server
def status(image: str, config: Path | None, **given: Any) -> None:
    """Tell how the scan of IMAGE stands."""
    with _opened(config, given) as here:
        repository, reference = here.image(image)
        found = here.stores.images.get(repository, reference).image
        state = here.stores.scans.state(repository, found.digest)
    click.echo(f"{found.digest}  {_standing(state)}")
    if state is not None:
        click.echo(f"  {state.description}")
        if state.completed_at is not None:
            click.echo(f"  by {state.scanner} {state.scanner_version}, {_database(state)}")


@scan.command("list")
@click.argument("names", metavar="[REPOSITORY]...", nargs=-1)
@_on_server
def list_(names: tuple[str, ...], config: Path | None, **given: Any) -> None:
    """List the images of each REPOSITORY, or of all, and how the scan of each stands."""
    with _opened(config, given) as here:
        scope = here.settings.scope
        for name in names or list(_names(here)):
            repository = here.stores.repositories.get(scope, name)
            for image, state in _images(here, repository):
                tags = ", ".join(image.tags) or "untagged"
                click.echo(f"{name}@{image.digest} ({tags})  {_standing(state)}")


def _names(here: _Opened) -> Iterator[str]:
    after = ""
    while page := here.stores.repositories.page(here.settings.scope, after, _PAGE):
        yield from (each.name for each in page)
        after = page[-1].name


def _images(here: _Opened, repository: Repository) -> Iterator[tuple[Image, ScanState | None]]:
    after = 0
    while page := here.stores.images.page(repository, after, _PAGE):
        states = here.stores.scans.states([each.id for each in page])
        yield from ((each, states.get(each.id)) for each in page)
        after = page[-1].id


def _standing(state: ScanState | None) -> str:
    if state is None:
        return "never scanned"
    if state.completed_at is None:
        return state.status
    found = listed(state.counts) or "nothing found"
    if gone := sum(state.suppressed.values()):
        found = f"{found}, {gone} suppressed"
    mark = "" if state.status == COMPLETE else f"{state.status}, before that: "
    return f"{mark}{found}  {state.completed_at:%Y-%m-%d %H:%M} UTC"


def _database(state: ScanState) -> str:
    if state.database_at is None:
        return "its database of unknown age"
    return f"its database of {state.database_at:%Y-%m-%d %H:%M} UTC"


scan.add_command(database)
scan.add_command(vex)
scan.add_command(repository_settings)
