"""The shape of the house: floors, migrations, sizes of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from importlinter.cli import lint_imports

from registry.database import migrate
from registry.database.database import Database
from registry.database.revisions import Migrations
from registry.database.schema import metadata
from registry.ecs.store.migrating import ECS
from registry.ecs.store.tables import metadata as ecs_metadata
from registry.values.errors import ParameterInvalid
from tests.tools import PROJECT

LINES_MAX = 400


def test_imports_point_down_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


def test_an_import_upward_would_be_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract with two floors exchanged is broken: so the check does look."""
    text = (PROJECT / "pyproject.toml").read_text().partition("[tool.importlinter]")[2]
    turned = text.replace('"registry.values"', '"X"').replace(
        '"registry.domain"', '"registry.values"'
    )
    config = tmp_path / "pyproject.toml"
    config.write_text("[tool.importlinter]" + turned.replace('"X"', '"registry.domain"'))
    monkeypatch.chdir(PROJECT)
    assert lint_imports(config_filename=str(config), no_cache=True) == 1
    assert "BROKEN" in capsys.readouterr().out


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "moorage.db")


def test_the_head_is_the_newest_migration() -> None:
    script = ScriptDirectory.from_config(migrate.configuration())
    assert script.get_heads() == [migrate.HEAD]


def replay(database: Database, migrations: Migrations = migrate.REGISTRY) -> None:
    """All migrations, from the first one on; a new database would get its tables without them."""
    config = migrate.configuration(migrations)
    with database.alter() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    migrate.upgrade(database, migrations)


def test_the_migrations_of_ecs_make_exactly_its_tables(tmp_path: Path) -> None:
    assert ScriptDirectory.from_config(migrate.configuration(ECS)).get_heads() == [ECS.head]
    database = Database(tmp_path / "ecs.db")
    replay(database, ECS)
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, ecs_metadata) == []


def test_migrations_make_exactly_the_tables_of_the_schema(
    database: Database, tmp_path: Path
) -> None:
    replay(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        migrated = _statements(connection)
        version = _version(connection)
    direct = Database(tmp_path / "direct.db")
    migrate.upgrade(direct)
    with direct.read() as connection:
        assert _statements(connection) == migrated
        assert _version(connection) == version
    direct.close()
    database.close()


def _version(connection: sa.Connection) -> tuple[str, list[Any]]:
    """Alembic's table, its spaces aside, and what stands in it."""
    query = "SELECT sql FROM sqlite_master WHERE name = 'alembic_version'"
    made = str(connection.exec_driver_sql(query).scalar())
    rows = connection.exec_driver_sql("SELECT * FROM alembic_version").all()
    return re.sub(r"\s", "", made), list(rows)


def _statements(connection: sa.Connection) -> dict[str, set[str]]:
    """Each table's and index's definition, part by part: their order says nothing."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    rows = connection.exec_driver_sql(query).all()
    return {
        row.name: set(re.split(r",?\s*\n\s*|, (?=[A-Z])", row.sql.replace('"', "")))
        for row in rows
        if row.name != "alembic_version"
    }


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    before = database.path.stat().st_mtime_ns
    migrate.upgrade(database)
    assert database.path.stat().st_mtime_ns == before
    database.close()


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ParameterInvalid, match="newer Moorage"):
        migrate.upgrade(database)
    with database.read() as connection:
        assert migrate.revision(connection) == "9999"
    database.close()


@pytest.mark.parametrize(
    "path",
    # A migration is a list of columns, made once and read by nobody in one piece.
    sorted(p for p in (PROJECT / "registry").rglob("*.py") if p.parent.name != "versions"),
    ids=lambda path: path.stem,
)
def test_files_stay_readable(path: Path) -> None:
    assert path.read_text().count("\n") < LINES_MAX
