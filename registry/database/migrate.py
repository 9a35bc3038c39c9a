"""Bring a database to the schema of this version, at every start.

A new database gets the tables as they are declared. Alembic is imported only where an older one is
to be changed: that keeps starts fast, and 10 MB out of a server for good.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.revisions import Migrations
from registry.database.schema import metadata
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from alembic.config import Config

    from registry.database.database import Database

_VERSION = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
"""Alembic's own table, as it makes it."""

HEAD = "0008"
"""The newest revision; a test compares it with the migrations there are."""


REGISTRY = Migrations(Path(__file__).parent / "migrations", HEAD, metadata)
"""Of `moorage.db`."""


def upgrade(database: Database, migrations: Migrations = REGISTRY) -> None:
    """Create or migrate the tables, in one transaction.

    Raises ParameterInvalid for a database of a newer Moorage.
    """
    with database.read() as connection:
        current = revision(connection)
    if current == migrations.head or (current is None and _created(database, migrations)):
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


def _created(database: Database, migrations: Migrations) -> bool:
    """Make all tables, if there are none."""
    with database.alter() as connection:
        if sa.inspect(connection).get_table_names():
            return False
        migrations.tables.create_all(connection)
        connection.exec_driver_sql(_VERSION)
        told = "INSERT INTO alembic_version (version_num) VALUES (?)"
        connection.exec_driver_sql(told, (migrations.head,))
    return True


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
