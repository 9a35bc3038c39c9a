"""A data directory with the people and repositories that policy files are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.config import Settings
from registry.database.database import Database
from registry.database.schema import metadata
from registry.domain.access import Access, Circumstances
from registry.domain.identities.entities import Kind
from registry.domain.identities.groups import Groups
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.identity import Identity
from registry.domain.identities.policies import Policies
from registry.domain.identities.roles import Roles
from registry.domain.identities.users import Users
from registry.domain.policyfiles.applying import PolicyFiles
from registry.domain.policyfiles.folder import Folder, read_folder
from registry.domain.policyfiles.outcome import Outcome
from registry.domain.repositories import Repositories, Repository
from registry.domain.resting import Removal
from registry.domain.vault import Vault
from registry.ground import Ground, lay_ground
from registry.setup import prepare
from registry.values.scope import Scope

ACCOUNT, OTHER, REGION = "123456789012", "210987654321", "us-east-1"
SCOPE = Scope(ACCOUNT, REGION)
EXAMPLES = Path(__file__).parents[3] / "policies" / "examples"
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
PUSH = (
    "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload", "ecr:PutImage",
)  # fmt: skip


def document(action: str = "ecr:*", effect: str = "Allow", **elements: Any) -> str:
    """An identity policy of one statement."""
    statement = {"Effect": effect, "Action": action, "Resource": "*", **elements}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def for_everybody(action: str = "ecr:BatchGetImage") -> str:
    """A repository policy."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def arn(name: str) -> str:
    """ARN of an identity policy."""
    return f"arn:aws:iam::{ACCOUNT}:policy/{name}"


def write(root: Path, files: Mapping[str, str]) -> Path:
    """The files, below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@dataclass(frozen=True, slots=True)
class World:
    """One server's data directory, and what asks it."""

    ground: Ground
    repositories: Repositories

    @classmethod
    def make(cls, data: Path) -> World:
        settings = Settings(data=data)
        data.mkdir()
        prepare(settings)
        ground = lay_ground(settings)
        ground.accounts.bootstrap(OTHER, lambda _key: None)
        vault = Vault(ground.storage, ground.keys)
        return cls(
            ground,
            Repositories(ground.database, ground.cache, vault, ground.keys, removal=Removal()),
        )

    @property
    def database(self) -> Database:
        return self.ground.database

    @property
    def policies(self) -> Policies:
        return Policies(self.database)

    @property
    def holdings(self) -> Holdings:
        return Holdings(self.database)

    def apply(self, folder: Path, *, prune: bool = False) -> Outcome:
        return PolicyFiles(self.database, SCOPE).apply(read_folder(folder), prune=prune)

    def diff(self, folder: Path | Folder, *, prune: bool = False) -> Outcome:
        read = folder if isinstance(folder, Folder) else read_folder(folder)
        return PolicyFiles(self.database, SCOPE).diff(read, prune=prune)

    def user(self, name: str, *groups: str, account: str = ACCOUNT, **tags: str) -> Identity:
        """A new user with its groups."""
        Users(self.database).create(account, name, tags=tags)
        for group in groups:
            Groups(self.database).add(account, group, name)
        return self.identity(name, account)

    def identity(self, name: str, account: str = ACCOUNT) -> Identity:
        found = self.ground.directory.user_named(account, name)
        assert found is not None
        return found

    def group(self, name: str) -> None:
        Groups(self.database).create(ACCOUNT, name)

    def role(self, name: str) -> None:
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        text = json.dumps({"Version": "2012-10-17", "Statement": trust})
        Roles(self.database).create(ACCOUNT, name, text)

    def repository(self, name: str) -> Repository:
        return self.repositories.create(SCOPE, name)

    def attached(self, kind: Kind, name: str) -> list[str]:
        return [each.name for each in self.holdings.documents(kind, ACCOUNT, name)]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables: equal before and after where nothing was done."""
        with self.database.read() as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(sa.select(table))]
                for table in metadata.sorted_tables
            }

    def may(
        self, who: Identity | None, actions: tuple[str, ...], repository: str, **context: str
    ) -> bool:
        """Whether all of the actions are allowed on the repository."""
        more = {f"ecr:{key}": value for key, value in context.items()}
        circumstances = Circumstances(more=more)
        resource = "*" if repository == "*" else SCOPE.repository_arn(repository)
        access = Access(self.repositories.guarded)
        return all(access.allows(who, action, resource, circumstances) for action in actions)
