"""Client programs as a user runs them: arguments in, text out, and an exit status that counts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Program:
    """A program with its environment and the arguments that every call begins with."""

    def __init__(
        self, path: Path, environment: Mapping[str, str] | None = None, *first: str
    ) -> None:
        self._command = [str(path), *first]
        self._environment = {"PATH": os.environ["PATH"], **(environment or {})}

    def __call__(self, *arguments: str, stdin: str = "", folder: Path | None = None) -> str:
        """Standard output of a run that must succeed."""
        result = self._run(arguments, stdin, folder)
        assert result.returncode == 0, self._shown(arguments, result)
        return result.stdout

    def refused(self, *arguments: str, stdin: str = "", folder: Path | None = None) -> str:
        """All output of a run that must fail."""
        result = self._run(arguments, stdin, folder)
        assert result.returncode != 0, f"succeeded: {self._shown(arguments, result)}"
        return result.stdout + result.stderr

    def _run(
        self, arguments: tuple[str, ...], stdin: str, folder: Path | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            cwd=folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def _shown(self, arguments: tuple[str, ...], result: subprocess.CompletedProcess[str]) -> str:
        name = Path(self._command[0]).name
        output = (result.stdout + result.stderr)[-4000:]
        return f"{name} {' '.join(arguments)} -> {result.returncode}\n{output}"
