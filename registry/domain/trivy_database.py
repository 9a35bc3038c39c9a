"""Trivy's databases as the OCI artifacts that Trivy downloads, kept in a repository of one's own.

Sources: Trivy documentation, "Air-Gapped Environment" and "Self-Hosting Trivy's Databases";
trivy `pkg/db`, `pkg/javadb` and `pkg/oci` (media types, the title of the one layer, the tags
that are the schemas' versions).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from registry.values.digest import Digest, shown
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.domain.images import Images, Pushed
    from registry.domain.repositories import Repository
    from registry.domain.uploads import Uploads

CONFIG_TYPE = "application/vnd.aquasec.trivy.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
METADATA = "metadata.json"
METADATA_MAX = 64 * 1024
UNPACKED_MAX = 16 << 30
"""Bytes of a database; today's have a tenth of that."""
_CHUNK = 1024 * 1024
_CONFIG = b"{}"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two databases."""

    file: str
    title: str
    """What Trivy calls the packed file."""
    media_type: str
    version: int
    """Of its schema; Trivy asks for the tag of that name."""
    repository: str


VULNERABILITIES = Kind(
    "trivy.db",
    "db.tar.gz",
    "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip",
    2,
    "trivy-db",
)
JAVA = Kind(
    "trivy-java.db",
    "javadb.tar.gz",
    "application/vnd.aquasec.trivy.javadb.layer.v1.tar+gzip",
    1,
    "trivy-java-db",
)
KINDS = (VULNERABILITIES, JAVA)


@dataclass(frozen=True, slots=True)
class Database:
    """A packed database that was looked into."""

    kind: Kind
    updated_at: datetime
    file: IO[bytes]
    """A tar.gz; at its beginning."""


@contextmanager
def read(path: Path) -> Iterator[Database]:
    """Look into a database: its packed file, its folder, or one of its two files in a folder.

    What is not packed as Trivy takes it is packed anew. Raises ParameterInvalid.
    """
    with tempfile.TemporaryFile() as packed:
        try:
            if path.is_dir() or path.name in {each.file for each in KINDS} | {METADATA}:
                _pack(path if path.is_dir() else path.parent, packed)
            else:
                _take(path, packed)
            kind, metadata = _inside(packed)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise ParameterInvalid(f"{path} is no database of Trivy's: {error}") from None
        packed.seek(0)
        yield Database(kind, _updated(kind, metadata), packed)


def push(
    database: Database, repository: Repository, uploads: Uploads, images: Images, principal: str
) -> Pushed:
    """Put the database into the repository, under the tag that Trivy asks for.

    Raises TagImmutable, QuotaExceeded, KeyUnavailable, StorageFull and their kin; then the tag
    stands where it stood.
    """
    layer, size = _stored(repository, uploads, principal, _chunks(database.file))
    config, _ = _stored(repository, uploads, principal, iter([_CONFIG]))
    kind = database.kind
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": str(config), "size": len(_CONFIG)},
        "layers": [
            {
                "mediaType": kind.media_type,
                "digest": str(layer),
                "size": size,
                "annotations": {"org.opencontainers.image.title": kind.title},
            }
        ],
        "annotations": {"org.opencontainers.image.created": database.updated_at.isoformat()},
    }
    content = json.dumps(manifest, separators=(",", ":")).encode()
    return images.put(repository, content, MANIFEST_TYPE, tag_names=[str(kind.version)])


def _stored(
    repository: Repository, uploads: Uploads, principal: str, chunks: Iterator[bytes]
) -> tuple[Digest, int]:
    """A blob of the repository."""
    hashed, upload = hashlib.sha256(), uploads.start(repository, principal)

    def through() -> Iterator[bytes]:
        for chunk in chunks:
            hashed.update(chunk)
            yield chunk

    try:
        received = uploads.append(repository, principal, upload.id, through())
    except BaseException:
        uploads.cancel(repository, principal, upload.id)
        raise
    digest = Digest.parse(f"sha256:{hashed.hexdigest()}")
    uploads.finish(repository, principal, upload.id, digest)
    return digest, received.size


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _pack(folder: Path, packed: IO[bytes]) -> None:
    """A folder as Trivy keeps it, in its cache."""
    kind = next((each for each in KINDS if (folder / each.file).is_file()), None)
    if kind is None or not (folder / METADATA).is_file():
        wanted = " or ".join(each.file for each in KINDS)
        raise ParameterInvalid(f"{folder} has not both {wanted} and {METADATA}")
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as squeezed,
        tarfile.open(fileobj=squeezed, mode="w|") as archive,
    ):
        for name in (kind.file, METADATA):
            archive.add(folder / name, name, recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same database gives the same bytes, whoever packs it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime, entry.mode = 0, 0o644
    return entry


def _take(path: Path, packed: IO[bytes]) -> None:
    """A packed file as it is; a plain tar, whatever its name, is squeezed."""
    with path.open("rb") as file:
        squeezed = file.read(2) == _GZIP
        file.seek(0)
        if squeezed:
            shutil.copyfileobj(file, packed, _CHUNK)
            return
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as target:
            shutil.copyfileobj(file, target, _CHUNK)


def _inside(packed: IO[bytes]) -> tuple[Kind, dict[str, Any]]:
    packed.seek(0)
    with gzip.GzipFile(fileobj=packed) as opened:
        with tarfile.open(fileobj=opened, mode="r|") as archive:
            found, metadata = _entries(archive)
        while opened.read(_CHUNK):  # to its end, where its checksum is
            pass
    kind = next((each for each in KINDS if found.get(each.file)), None)
    if kind is None or not metadata:
        held = ", ".join(sorted(found)[:5]) or "nothing"
        raise ParameterInvalid(f"it is no database of Trivy's: it holds {shown(held)}")
    return kind, metadata


def _entries(archive: tarfile.TarFile) -> tuple[dict[str, int], dict[str, Any]]:
    """Sizes by name, and what the metadata say."""
    found: dict[str, int] = {}
    metadata: dict[str, Any] = {}
    for entry in archive:
        name = entry.name.removeprefix("./")
        found[name] = entry.size if entry.isfile() else 0
        if sum(found.values()) > UNPACKED_MAX:
            raise ParameterInvalid(f"the database is larger than {UNPACKED_MAX >> 30} GiB")
        if name == METADATA and 0 < entry.size <= METADATA_MAX:
            content = archive.extractfile(entry)
            metadata = _document(b"" if content is None else content.read())
    return found, metadata


def _document(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ParameterInvalid(f"its {METADATA} is not a JSON object")
    return found


def _updated(kind: Kind, metadata: dict[str, Any]) -> datetime:
    version = metadata.get("Version")
    if version != kind.version:
        raise ParameterInvalid(
            f"it is of schema {shown(str(version))}; Trivy takes {kind.version} today"
        )
    try:
        return datetime.fromisoformat(str(metadata.get("UpdatedAt")))
    except ValueError:
        raise ParameterInvalid(f"its {METADATA} does not say when it was made") from None
