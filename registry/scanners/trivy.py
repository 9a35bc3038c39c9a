"""Trivy, the user's own, as a subprocess.

Source: Trivy documentation, `trivy image`, `trivy convert`, "Air-gapped environment".
"""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from registry.scanners.child import NOT_FOUND
from registry.scanners.databases import Cache, Held
from registry.scanners.process import Bounds, Exceeded, Output, Stopped, run
from registry.scanners.scanner import (
    Format,
    ScanFailed,
    ScannerMissing,
    ScannerVersion,
    Target,
)

OLDEST = (0, 55)
"""The first version with all that is asked of it here."""

_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_NO_PROXY = "127.0.0.1,localhost,::1"
_LINE = re.compile(r"^\S+\s+(?:FATAL|ERROR)\s+")
_SCHEMA = re.compile(rb'"SchemaVersion"\s*:\s*2\b')
_MESSAGE_MAX = 1000
_CUT_SHORT = "The scan was cut short: the server stopped."
_NO_JAVA = "'--skip-java-db-update' cannot be specified on the first run"
_WITHOUT_JAVA = (
    "The image has Java archives, and the scanner has no database of those and is not to fetch one"
    " (trivy_offline): push one with `moorage scan db push`, or put one into its cache directory."
)


@dataclass(frozen=True, slots=True)
class TrivySettings:
    """How Trivy is run."""

    program: str
    """A path, or a name to be looked for in PATH."""
    cache: Path
    """Where its databases are; made when it is not there."""
    arguments: tuple[str, ...] = ()
    """Further ones for each scan."""
    database: str | None = None
    """OCI repository of the vulnerability database; Trivy's own default without."""
    java_database: str | None = None
    offline: bool = False
    """Ask nothing of the network: neither for databases nor while it scans."""
    server: str | None = None
    """Address of a Trivy server that looks things up; the image is read here all the same."""
    bounds: Bounds = field(default_factory=Bounds)


class Trivy:
    """The Scanner of this house."""

    def __init__(self, settings: TrivySettings) -> None:
        self._settings = settings
        self._cache = Cache(settings.cache)
        self._stop = threading.Event()

    def version(self) -> ScannerVersion:
        """What is there. Raises ScannerMissing."""
        output = self._run("--version", "--format", "json")
        if output.status == NOT_FOUND:
            raise ScannerMissing(missing(self._settings.program))
        try:
            found = json.loads(output.stdout)
            number = str(found["Version"])
            known = tuple(int(part) for part in number.split(".")[:2])
        except (ValueError, KeyError, TypeError):
            program = self._settings.program
            raise ScannerMissing(f"{program!r} does not answer as Trivy does") from None
        if known < OLDEST:
            least = ".".join(str(part) for part in OLDEST)
            raise ScannerMissing(f"Trivy {number} is too old: {least} or newer is needed")
        made = (found.get("VulnerabilityDB") or {}).get("UpdatedAt")
        return ScannerVersion("trivy", number, datetime.fromisoformat(made) if made else None)

    def update(self) -> None:
        """Get the newest database, unless it is to stay offline. Raises ScanFailed."""
        if self._settings.offline or self._settings.server:
            return
        wanted = ("image", Held.VULNERABILITIES.download, "--no-progress")
        self._checked(self._run(*wanted, *self._databases()))

    def due(self) -> bool:
        """Never: Trivy alone knows when it wants a newer database, and asks by itself."""
        return False

    def source(self, kind: Held) -> str | None:
        """What `fetch` was last told of the database that is there; None if it is another's."""
        return self._cache.source(kind)

    def release(self, kind: Held) -> None:
        """Leave that database to Trivy again, as if it had never been fetched."""
        self._cache.release(kind)

    def fetch(self, kind: Held, artifact: Target, source: str) -> None:
        """Put the database that an artifact of this server's own is in the place of whatever
        there is, older or newer, unless it came from that `source`. Raises ScanFailed.
        """
        try:
            with self._cache.room(self._stop) as room:
                if self._cache.source(kind) != source:
                    self._download(kind, artifact, room)
                    self._cache.take(kind, room, source)
        except InterruptedError:
            raise ScanFailed(_CUT_SHORT, again=True) from None
        except OSError as error:
            raise ScanFailed(
                f"The database cannot be kept: {error.strerror}.", again=True
            ) from None

    def _download(self, kind: Held, artifact: Target, room: Path) -> None:
        wanted = ["image", kind.download, "--no-progress", kind.repository, artifact.reference]
        wanted += ["--timeout", f"{self._settings.bounds.seconds:g}s", *_insecure(artifact)]
        self._checked(self._run(*wanted, more={**_login(artifact), **_kept_in(room)}))

    def scan(self, target: Target) -> bytes:
        """The report about an image, JSON. Raises ScanFailed, ScannerMissing."""
        settings = self._settings
        arguments = [
            "image", "--image-src", "remote", "--format", "json", "--quiet", "--no-progress",
            "--cache-backend", "memory", "--scanners", "vuln", "--list-all-pkgs",
            "--skip-db-update", "--timeout", f"{settings.bounds.seconds:g}s",
        ]  # fmt: skip
        if settings.offline:
            arguments.append("--offline-scan")
        if settings.offline or self.source(Held.JAVA) is not None:
            arguments.append("--skip-java-db-update")
        if settings.server:
            arguments.remove("--skip-db-update")
            arguments += ["--server", settings.server]
        arguments += [*_insecure(target), *self._databases(), *settings.arguments]
        return _report(self._checked(self._run(*arguments, target.reference, more=_login(target))))

    def convert(self, report: bytes, form: Format) -> bytes:
        """The report in another form. Raises ScanFailed, ScannerMissing."""
        return self._checked(
            self._run("convert", "--quiet", "--format", form.value, "/dev/stdin", stdin=report)
        )

    def stop(self) -> None:
        """End whatever runs."""
        self._stop.set()

    def _databases(self) -> list[str]:
        settings = self._settings
        given = (
            ("--db-repository", settings.database),
            ("--java-db-repository", settings.java_database),
        )
        return [word for option, value in given if value for word in (option, value)]

    def _run(
        self, *arguments: str, more: dict[str, str] | None = None, stdin: bytes = b""
    ) -> Output:
        settings = self._settings
        settings.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        fixed = {**_kept_in(settings.cache), "GOMAXPROCS": "1"}
        fixed |= {"TRIVY_DISABLE_TELEMETRY": "true", "TRIVY_SKIP_VERSION_CHECK": "true"}
        fixed |= {"NO_PROXY": _NO_PROXY, "GOMEMLIMIT": str(settings.bounds.memory * 3 // 4)}
        inherited = {name: os.environ[name] for name in (*_KEPT, *_PROXIES) if name in os.environ}
        try:
            return run(
                [settings.program, *arguments],
                environment={**inherited, **fixed, **(more or {})},
                bounds=settings.bounds,
                stop=self._stop,
                stdin=stdin,
                folder=settings.cache,
            )
        except Exceeded as error:
            raise ScanFailed(f"The scan was ended: {error}.", again=False) from None
        except Stopped:
            raise ScanFailed(_CUT_SHORT, again=True) from None

    def _checked(self, output: Output) -> bytes:
        if output.status == 0:
            return output.stdout
        if output.status == NOT_FOUND:
            raise ScannerMissing(missing(self._settings.program))
        if output.status < 0:
            raise ScanFailed(f"The scanner was ended by signal {-output.status}.", again=True)
        if _NO_JAVA in output.stderr:
            raise ScanFailed(_WITHOUT_JAVA, again=False)
        raise ScanFailed(f"The scanner failed: {_why(output.stderr)}", again=True)


def _insecure(target: Target) -> list[str]:
    """The loopback, and a name that no certificate has."""
    return ["--insecure"] if target.tls else []


def _kept_in(folder: Path) -> dict[str, str]:
    return {"TRIVY_CACHE_DIR": str(folder.absolute())}


def _login(target: Target) -> dict[str, str]:
    return {"TRIVY_USERNAME": target.username, "TRIVY_PASSWORD": target.password}


def missing(program: str) -> str:
    """What to do without Trivy."""
    return (
        f"There is no scanner: {program!r} cannot be run. Install Trivy, or give its path in the"
        " setting trivy."
    )


def _report(text: bytes) -> bytes:
    """The report, if it looks like one; it is read elsewhere. Raises ScanFailed."""
    if not text.lstrip()[:1] == b"{" or _SCHEMA.search(text) is None:
        raise ScanFailed("The scanner wrote something that is no report.", again=True)
    return text


def _why(stderr: str) -> str:
    """The last error that Trivy told, with what follows it, in one line."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if _LINE.match(line)]
    if starts:
        lines = lines[starts[-1] :]
        lines[0] = _LINE.sub("", lines[0])
    text = " ".join(" ".join(lines).split()) or "it says nothing"
    return text if len(text) <= _MESSAGE_MAX else f"{text[:_MESSAGE_MAX]}…"
