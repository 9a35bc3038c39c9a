"""A directory of policy files, read and checked as a whole before anything is done with it.

DIR/identity/<name>.json        a managed policy; directories between become its path
DIR/attachments.json            who has which managed policies
DIR/repository/<name>.json      the policy of the repository of that name, slashes and all
DIR/registry/policy.json        the registry's policy
DIR/lifecycle/<name>.json       the lifecycle policy of the repository of that name
DIR/gate/<name>.json            a gate
*.md and names that begin with a dot are left alone; anything else is refused, because what
is misspelt must not silently mean nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.aws.policy import PolicyInvalid
from registry.domain.policyfiles.attachments import Attachment, read_attachments
from registry.domain.policyfiles.documents import CHECKS
from registry.domain.policyfiles.problems import PolicyFilesInvalid, Problem, printable, problem_of
from registry.values.errors import NameInvalid
from registry.values.reference import repository_name

BYTES_MAX = 1024 * 1024
"""Of one file; every kind has a smaller limit of its own."""
ATTACHMENTS = "attachments.json"

_POLICY_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_PATH = re.compile(r"/(?:[A-Za-z0-9.,+@=_-]+/)*", re.ASCII)
_PATH_MAX = 512
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One policy out of a file; its text without the white space around it."""

    kind: str
    name: str
    path: str
    """IAM's path, for identity policies: `/`, or `/team/`."""
    file: Path
    text: str


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything in a directory, valid in itself."""

    root: Path
    files: tuple[PolicyFile, ...]
    attachments: tuple[Attachment, ...]

    def of(self, kind: str) -> tuple[PolicyFile, ...]:
        """The files of a kind."""
        return tuple(each for each in self.files if each.kind == kind)


def read_folder(root: Path) -> Folder:
    """The directory's files. Raises PolicyFilesInvalid with the problems of all of them."""
    return _Reading(root).folder()


class _Reading:
    """Reads one directory and remembers what is wrong with it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._problems: list[Problem] = []
        self._files: list[PolicyFile] = []
        self._attachments: tuple[Attachment, ...] = ()

    def folder(self) -> Folder:
        if not self._root.is_dir():
            raise PolicyFilesInvalid([Problem(self._root, "is not a directory")])
        for file in sorted(self._found()):
            self._take(file, file.relative_to(self._root).parts)
        self._compare()
        if self._problems:
            raise PolicyFilesInvalid(sorted(self._problems, key=lambda each: each.file))
        return Folder(self._root, tuple(self._files), self._attachments)

    def _found(self) -> Iterator[Path]:
        # Links are followed, as Kubernetes mounts its ConfigMaps by them; a circle of them is not.
        seen: set[tuple[int, int]] = set()
        walk = os.walk(self._root, followlinks=True, onerror=self._unreadable)
        for folder, folders, names in walk:
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:
                self._problems.append(Problem(Path(folder), "is linked to more than once"))
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(folder, name) for name in names if not _ignored(name))

    def _unreadable(self, error: OSError) -> None:
        self._problems.append(Problem(Path(error.filename), f"cannot be read: {error.strerror}"))

    def _take(self, file: Path, parts: tuple[str, ...]) -> None:
        try:
            if parts == (ATTACHMENTS,):
                self._attachments = read_attachments(_text(file), file)
            else:
                self._files.append(_policy_file(file, parts))
        except PolicyInvalid as error:
            self._problems.append(problem_of(file, error))
        except NameInvalid as error:
            self._problems.append(Problem(file, str(error)))

    def _compare(self) -> None:
        """What is wrong only with several files together."""
        names: dict[str, PolicyFile] = {}
        for file in self._files:
            if file.kind == "identity":
                other = names.setdefault(file.name.lower(), file)
                if other is not file:
                    reason = f"{printable(str(other.file))} has the same name"
                    self._problems.append(
                        Problem(file.file, f"{reason}, which counts without its path and case")
                    )
        known = {file.name for file in names.values()}
        for each in self._attachments:
            if not each.policy.startswith("arn:") and each.policy not in known:
                self._problems.append(each.problem(f"there is no file for policy {each.policy!r}"))


def _policy_file(file: Path, parts: tuple[str, ...]) -> PolicyFile:
    kind, inner = parts[0], "/".join(parts[1:])
    if kind not in CHECKS or not inner:
        kinds = ", ".join(f"{each}/" for each in CHECKS)
        raise PolicyInvalid(f"is neither {ATTACHMENTS} nor in one of {kinds}")
    if not inner.endswith(".json"):
        raise PolicyInvalid("is not a .json file")
    path, name = _named(kind, inner.removesuffix(".json"))
    text = _text(file)
    CHECKS[kind](text.rstrip(_SPACE))
    return PolicyFile(kind, name, path, file, text.strip(_SPACE))


def _named(kind: str, inner: str) -> tuple[str, str]:
    """Path and name that a file's place gives. Raises PolicyInvalid, NameInvalid."""
    if kind in ("repository", "lifecycle"):
        return "/", repository_name(inner)
    folders, _, name = inner.rpartition("/")
    path = f"/{folders}/" if folders else "/"
    if kind != "identity" and folders:
        raise PolicyInvalid(f"files of {kind}/ lie in no further directory")
    if kind == "registry" and name != "policy":
        raise PolicyInvalid("a registry has one policy: registry/policy.json")
    if _POLICY_NAME.fullmatch(name) is None:
        raise PolicyInvalid("the name has other characters than A-Z a-z 0-9 and +=,.@_-, or > 128")
    if _PATH.fullmatch(path) is None or len(path) > _PATH_MAX:
        raise PolicyInvalid("the directories between make no path of IAM")
    return path, name


def _text(file: Path) -> str:
    """The file's text. Raises PolicyInvalid."""
    try:
        with file.open("rb") as stream:
            content = stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise PolicyInvalid(f"cannot be read: {error.strerror}") from None
    if len(content) > BYTES_MAX:
        raise PolicyInvalid(f"has more than {BYTES_MAX} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise PolicyInvalid("is not UTF-8", line=line, column=column) from None


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.endswith(".md")
