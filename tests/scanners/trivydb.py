"""Small true databases for the real Trivy."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.tools import require_tool

MADE = datetime(2026, 11, 1, tzinfo=UTC)
ADVISORIES = Path(__file__).with_name("advisories.json")
_JAVA = """
CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,
    foreign key (artifact_id) references artifacts(id));
CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
CREATE INDEX indices_artifact_idx ON indices(artifact_id);
CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);
"""


def build_database(cache: Path, made: datetime = MADE, without: tuple[str, ...] = ()) -> Path:
    """Make the database in Trivy's cache directory `cache`, but for some packages; its folder."""
    folder = cache / "db"
    cache.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = json.loads(ADVISORIES.read_text())
    for packages in known["Advisories"].values():
        for name in without:
            packages.pop(name, None)
    advisories = cache / "advisories.json"
    advisories.write_text(json.dumps(known))
    subprocess.run([require_tool("trivydb"), advisories, folder, made.isoformat()], check=True)
    return folder


def build_java_database(
    cache: Path, archives: Mapping[str, tuple[str, str, str]], made: datetime = MADE
) -> Path:
    """Make the one of Java archives: by SHA-1 their group, artifact and version; its folder.

    Source: github.com/aquasecurity/trivy-java-db, pkg/db (schema 1).
    """
    folder = cache / "java-db"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "trivy-java.db")) as database:
        database.executescript(_JAVA)
        for number, (sha1, (group, artifact, version)) in enumerate(archives.items()):
            database.execute("INSERT INTO artifacts VALUES (?, ?, ?)", (number, group, artifact))
            row = (number, version, bytes.fromhex(sha1), "jar")
            database.execute("INSERT INTO indices VALUES (?, ?, ?, ?)", row)
        database.commit()
    following = made + timedelta(days=36500)
    metadata = {"Version": 1, "UpdatedAt": made.isoformat(), "NextUpdate": following.isoformat()}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder
