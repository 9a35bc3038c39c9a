"""Small real images made here, with nothing pulled from outside.

Layers are true tar.gz files and configs name their diff ids, so any client or engine takes
them. Everything is deterministic: the same arguments give the same digests.
Sources: OCI image-spec 1.1 (manifest.md, image-index.md, config.md, image-layout.md) and
Docker's "Image Manifest Version 2, Schema 2".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

Json = dict[str, object]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CREATED = "2026-01-02T03:04:05Z"


def digest_of(content: bytes) -> str:
    """The sha256 digest, `sha256:hex`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that a manifest refers to; `diff_id` is the digest of a layer's plain tar."""

    content: bytes
    media_type: str
    diff_id: str = ""

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    def descriptor(self, **extra: object) -> Json:
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
            **extra,
        }


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest or an index with everything below it."""

    manifest: bytes
    media_type: str
    blobs: tuple[Blob, ...] = ()
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def text(self) -> str:
        return self.manifest.decode()

    def descriptor(self, **extra: object) -> Json:
        return Blob(self.manifest, self.media_type).descriptor(**extra)


def layer(files: Mapping[str, bytes], media_type: str = OCI_LAYER) -> Blob:
    """A tar.gz of the files (path to content, all mode 0755)."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    packed = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    return Blob(packed, media_type, digest_of(plain.getvalue()))


def config(
    layers: Iterable[Blob], media_type: str = OCI_CONFIG, architecture: str = "amd64"
) -> Blob:
    """The configuration of an image that runs `/bin/busybox`."""
    content = {
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/bin/busybox"], "Cmd": ["cat", "/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in layers]},
        "history": [{"created": CREATED, "created_by": "tests"} for _ in layers],
    }
    return Blob(_json(content), media_type)


def oci_image(*layers: Blob, architecture: str = "amd64", **extra: object) -> Image:
    """An OCI image manifest; `extra` holds further members (annotations, subject, ...)."""
    described = config(layers, architecture=architecture)
    return _image(OCI_MANIFEST, described, layers, extra)


def docker_image(*layers: Blob, architecture: str = "amd64") -> Image:
    """A Docker schema 2 manifest; make its layers with `media_type=DOCKER_LAYER`."""
    described = config(layers, DOCKER_CONFIG, architecture)
    return _image(DOCKER_MANIFEST, described, layers, {})


def artifact(artifact_type: str, payload: bytes, subject: Image | None = None) -> Image:
    """An artifact packaged as an image manifest, as image-spec "Artifact Usage" tells."""
    extra: Json = {"artifactType": artifact_type}
    if subject is not None:
        extra["subject"] = subject.descriptor()
    content = Blob(payload, "application/octet-stream")
    return _image(OCI_MANIFEST, Blob(b"{}", OCI_EMPTY), (content,), extra)


def index(children: Mapping[str, Image], media_type: str = OCI_INDEX, **extra: object) -> Image:
    """An index (or a Docker manifest list) of images by architecture."""
    manifests = [
        child.descriptor(platform={"os": "linux", "architecture": architecture})
        for architecture, child in children.items()
    ]
    content = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests, **extra}
    return Image(_json(content), media_type, children=tuple(children.values()))


def multi_arch(seed: str = "hello") -> Image:
    """An OCI index of two small images, amd64 and arm64."""
    made = {
        architecture: oci_image(
            layer({"hello": f"{seed} {architecture}\n".encode()}), architecture=architecture
        )
        for architecture in ("amd64", "arm64")
    }
    return index(made)


def write_layout(folder: Path, images: Mapping[str, Image]) -> Path:
    """Write images by tag as an OCI image layout; the folder."""
    for image in images.values():
        _write_blobs(folder / "blobs" / "sha256", image)
    tag_name = "org.opencontainers.image.ref.name"
    manifests = [image.descriptor(annotations={tag_name: tag}) for tag, image in images.items()]
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": manifests}))
    return folder


def push(client: httpx.Client, repository: str, image: Image, tag: str | None = None) -> None:
    """Push everything over plain HTTP, children first. Raises httpx.HTTPStatusError."""
    for child in image.children:
        push(client, repository, child)
    for blob in image.blobs:
        push_blob(client, repository, blob.content)
    put_manifest(client, repository, image, tag).raise_for_status()


def push_blob(client: httpx.Client, repository: str, content: bytes) -> str:
    """Upload by POST and PUT; the digest. Raises httpx.HTTPStatusError."""
    started = client.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
    digest = digest_of(content)
    location = httpx.URL(started.headers["location"]).copy_merge_params({"digest": digest})
    headers = {"content-type": "application/octet-stream"}
    client.put(location, content=content, headers=headers).raise_for_status()
    return digest


def put_manifest(
    client: httpx.Client, repository: str, image: Image, tag: str | None = None
) -> httpx.Response:
    """Put the manifest alone, by tag or else by digest."""
    reference = tag or image.digest
    headers = {"content-type": image.media_type}
    url = f"/v2/{repository}/manifests/{reference}"
    return client.put(url, content=image.manifest, headers=headers)


def _image(media_type: str, described: Blob, layers: tuple[Blob, ...], extra: Json) -> Image:
    content = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": described.descriptor(),
        "layers": [blob.descriptor() for blob in layers],
        **extra,
    }
    return Image(_json(content), media_type, (described, *layers))


def _write_blobs(folder: Path, image: Image) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    contents = [image.manifest, *(blob.content for blob in image.blobs)]
    for content in contents:
        (folder / hashlib.sha256(content).hexdigest()).write_bytes(content)
    for child in image.children:
        _write_blobs(folder, child)


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2).encode()
