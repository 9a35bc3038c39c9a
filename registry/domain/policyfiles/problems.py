"""What is wrong with policy files: file, line, column and reason of each problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.aws.policy import PolicyInvalid
from registry.aws.policy.reading import written
from registry.values.errors import ParameterInvalid


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a file cannot be applied; line and column count from 1."""

    file: Path
    reason: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """As compilers write it, so that editors find the place."""
        return f"{printable(str(self.file))}:{self.line}:{self.column}: {self.reason}"


class PolicyFilesInvalid(ParameterInvalid):
    """A directory of which nothing was applied."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def problem_of(file: Path, error: PolicyInvalid) -> Problem:
    """Where in the file a document goes wrong."""
    place = f"{written(error.path)}: " if error.path else ""
    return Problem(file, place + error.reason, error.line or 1, error.column or 1)


def printable(name: str) -> str:
    """A file's name as a terminal may show it, whatever characters it holds."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name
    )
