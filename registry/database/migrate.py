"""Bring a database to the schema of this version, at every start.

Alembic itself is imported only when there is something to do: that keeps a normal start fast.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from alembic.config import Config

    from registry.database.database import Database

HEAD = "0008"
"""The newest revision; a test compares it with the migrations there are."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one schema."""

    folder: Path
    """Where alembic's `env.py` and `versions` are."""
    head: str
    """The newest revision."""


REGISTRY = Migrations(Path(__file__).parent / "migrations", HEAD)
"""Of `moorage.db`."""


def upgrade(database: Database, migrations: Migrations = REGISTRY) -> None:
    """Create or migrate the tables, in one transaction.

    Raises ParameterInvalid for a database of a newer Moorage.
    """
    with database.read() as connection:
        current = revision(connection)
    if current == migrations.head:
        return
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its steps mean nothing to a user
    from alembic import command  # noqa: PLC0415 - only when needed, see above

    config = configuration(migrations)
    with database.alter() as connection:
        known = _known(config)
        if (current := revision(connection)) is not None and current not in known:
            raise ParameterInvalid(
                f"{database.path} was written by a newer Moorage (schema {current});"
                " start that version, or restore a backup"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(connection: sa.Connection) -> str | None:
    """The schema's revision, None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def configuration(migrations: Migrations = REGISTRY) -> Config:
    """Alembic's configuration, without an ini file."""
    from alembic.config import Config  # noqa: PLC0415 - only when needed, see above

    config = Config()
    config.set_main_option("script_location", str(migrations.folder))
    return config


def _known(config: Config) -> set[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - only when needed, see above

    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
