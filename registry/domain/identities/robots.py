"""Robots: long-lived, revocable, narrow tokens, for systems that cannot renew every 12 hours.

A robot acts as the user who owns it, within a session policy of its own: it can never do more
than its user, and what ends the user ends the robot.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import robots, users
from registry.domain.identities.arns import ROBOT, unique_id
from registry.domain.identities.identity import Document, Identity
from registry.values.errors import NotFound, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.database.database import Cache, Database
    from registry.domain.identities.directory import Directory

_PATTERN = re.compile(r"[a-z0-9*?][a-z0-9._/*?-]{0,255}", re.ASCII)

PULL = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "ecr:ListImages",
)
PUSH = (
    *PULL,
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)


@dataclass(frozen=True, slots=True)
class Robot:
    """One robot, as stored."""

    id: str
    name: str
    user: str
    """Name of the user it acts as."""
    created_at: datetime
    expires_at: datetime | None
    document: str
    """The policy that narrows it."""

    @property
    def resources(self) -> tuple[str, ...]:
        """ARNs that its policy names."""
        statements = json.loads(self.document)["Statement"]
        return tuple(arn for statement in statements for arn in statement["Resource"])


class Robots:
    """Create, list, revoke and find."""

    def __init__(
        self, database: Database, cache: Cache, directory: Directory, *, allowed: bool
    ) -> None:
        """`allowed` is the setting `robot_tokens`; where it is off, no robot is let in."""
        self._allowed = allowed
        self._database = database
        self._cache = cache
        self._directory = directory

    def create(
        self, user: Identity, name: str, document: str, expires_at: datetime | None
    ) -> Robot:
        """A robot of the user.

        Raises ParameterInvalid if the user has one of that name, or robots are not allowed.
        """
        if not self._allowed:
            raise ParameterInvalid("robot tokens are off: the setting robot_tokens allows them")
        if not name or len(name) > 64 or not name.isprintable():
            raise ParameterInvalid("a robot's name has 1 to 64 printable characters")
        robot = Robot(unique_id(ROBOT), name, user.name, datetime.now(UTC), expires_at, document)
        with self._database.write() as connection:
            taken = sa.select(robots.c.id).where(robots.c.user_id == user.id, robots.c.name == name)
            if connection.execute(taken).first() is not None:
                raise ParameterInvalid(f"{user.name} has a robot {name!r} already")
            connection.execute(
                sa.insert(robots).values(
                    id=robot.id,
                    user_id=user.id,
                    name=name,
                    document=document,
                    expires_at=expires_at,
                    created_at=robot.created_at,
                )
            )
        return robot

    def list(self, account: str) -> list[Robot]:
        """The robots of an account."""
        query = (
            sa.select(robots, users.c.name.label("user"))
            .join(users, users.c.id == robots.c.user_id)
            .where(users.c.account == account)
            .order_by(users.c.name, robots.c.name)
        )
        with self._database.read() as connection:
            return [_robot(row) for row in connection.execute(query)]

    def revoke(self, account: str, robot_id: str) -> None:
        """End a robot, at once and on every worker. Raises NotFound."""
        of_account = sa.select(users.c.id).where(users.c.account == account)
        with self._database.write() as connection:
            gone = connection.execute(
                sa.delete(robots).where(robots.c.id == robot_id, robots.c.user_id.in_(of_account))
            )
        if gone.rowcount == 0:
            raise NotFound(f"there is no robot {robot_id}")

    def find(self, robot_id: str, now: datetime) -> Identity | None:
        """Who the robot acts as, narrowed; None if it, or its user, is ended or expired."""
        if not self._allowed:
            return None
        found = self._cache.get(("robot", robot_id), lambda: self._find(robot_id))
        if found is None or (found[1] is not None and now >= found[1]):
            return None
        return found[0]

    def _find(self, robot_id: str) -> tuple[Identity, datetime | None] | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(robots).where(robots.c.id == robot_id)).first()
        user = self._directory.user(row.user_id) if row is not None else None
        if row is None or user is None:
            return None
        narrow = Document(f"robot/{row.name}", row.document)
        return replace(user, session_policies=(narrow,)), row.expires_at


def repository_arns(account: str, patterns: Sequence[str]) -> list[str]:
    """ARNs, in every region, of the repositories that patterns such as `team/*` name.

    Raises ParameterInvalid.
    """
    for pattern in patterns:
        if _PATTERN.fullmatch(pattern) is None:
            raise ParameterInvalid(
                f"{pattern!r} is no repository name; it may have the wildcards * and ?"
            )
    return [f"arn:aws:ecr:*:{account}:repository/{pattern}" for pattern in patterns]


def narrow_policy(arns: Sequence[str], actions: Sequence[str]) -> str:
    """A session policy for some actions on some repositories."""
    statement: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(actions), "Resource": list(arns)},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def _robot(row: sa.Row[Any]) -> Robot:
    return Robot(row.id, row.name, row.user, row.created_at, row.expires_at, row.document)
