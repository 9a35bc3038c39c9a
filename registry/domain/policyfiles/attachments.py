"""`attachments.json`: which managed policies users, groups and roles have.

{"<name of a file in identity/, or ARN>": {"users": […], "groups": […], "roles": […]}, …}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from registry.aws.policy.reading import Node, located
from registry.domain.identities import aws_managed
from registry.domain.identities.entities import GROUPS, ROLES, USERS, Kind
from registry.domain.policyfiles.nodes import checked, elements, members
from registry.domain.policyfiles.problems import Problem
from registry.values.digest import shown

_KINDS = {"users": USERS, "groups": GROUPS, "roles": ROLES}
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_ARN = re.compile(r"arn:aws:iam::[0-9]{12}:policy/(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One policy of one holder, and where it is written."""

    policy: str
    """The name of an identity policy in the same directory, or an ARN."""
    kind: Kind = field(repr=False)
    holder: str
    file: Path
    line: int
    column: int

    def problem(self, reason: str) -> Problem:
        """What is wrong with it."""
        return Problem(self.file, reason, self.line, self.column)


def read_attachments(text: str, file: Path) -> tuple[Attachment, ...]:
    """All attachments of the file. Raises PolicyInvalid."""
    found = []
    for policy, kind, node in checked(text, _attachments):
        place = located(node.refused(""), text)
        line, column = place.line or 1, place.column or 1
        found.append(Attachment(policy, kind, node.text(), file, line, column))
    return tuple(found)


def _attachments(root: Node) -> list[tuple[str, Kind, Node]]:
    found = []
    for policy, value in root.members().items():
        _check_policy(policy, value)
        for name, holders in members(value, tuple(_KINDS)).items():
            for holder in elements(holders):
                if _NAME.fullmatch(holder.text()) is None:
                    raise holder.refused(f"{shown(holder.text())} is not a name")
                found.append((policy, _KINDS[name], holder))
    return found


def _check_policy(policy: str, node: Node) -> None:
    if policy.startswith(aws_managed.PREFIX):
        if policy not in aws_managed.DOCUMENTS:
            raise node.refused(f"this server has no policy {shown(policy)}")
    elif _ARN.fullmatch(policy) is None and _NAME.fullmatch(policy) is None:
        raise node.refused(f"{shown(policy)} is neither the name nor the ARN of a policy")
