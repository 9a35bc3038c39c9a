"""The table of routes: method, path, IAM actions, endpoint.

Sources: OCI distribution-spec, "Endpoints"; for the actions, IAM's Service Authorization
Reference, "Actions defined by Amazon Elastic Container Registry", and what ECR asks of docker's
requests.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from registry.oci.call import Call

if TYPE_CHECKING:
    from registry.oci.blobs import BlobEndpoints
    from registry.oci.listing import ListingEndpoints
    from registry.oci.manifests import ManifestEndpoints
    from registry.oci.uploads import UploadEndpoints

Endpoint = Callable[[Call], Awaitable[Response]]

_NAME = r"/v2/(?P<name>.+)"
VERSION = re.compile(r"/v2/?")
CATALOG = re.compile(r"/v2/_catalog")
BLOB = re.compile(_NAME + r"/blobs/(?P<digest>[^/]+)")
UPLOADS = re.compile(_NAME + r"/blobs/uploads/?")
UPLOAD = re.compile(_NAME + r"/blobs/uploads/(?P<upload>[^/]+)")
MANIFEST = re.compile(_NAME + r"/manifests/(?P<reference>[^/]+)")
TAGS = re.compile(_NAME + r"/tags/list")
REFERRERS = re.compile(_NAME + r"/referrers/(?P<digest>[^/]+)")

START = ("ecr:InitiateLayerUpload",)
PART = ("ecr:UploadLayerPart",)
COMPLETE = ("ecr:UploadLayerPart", "ecr:CompleteLayerUpload")
IMAGE = ("ecr:BatchGetImage",)
DELETE = ("ecr:BatchDeleteImage",)

SIGNED_IN: tuple[str, ...] = ()
"""A valid token is enough."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row: who needs what to do which thing where."""

    method: str
    path: re.Pattern[str]
    actions: tuple[str, ...]
    operation: str
    """What logs and metrics call it."""
    endpoint: Endpoint
    anonymous: bool = False
    """Served without credentials where the repository's policy allows everyone."""
    creates: bool = False
    """A push: where the setting allows it, a missing repository is made first."""


def table(
    listing: ListingEndpoints,
    blobs: BlobEndpoints,
    uploads: UploadEndpoints,
    manifests: ManifestEndpoints,
) -> tuple[Route, ...]:
    """All routes. The first whose path and method fit serves a request."""
    probe, read = ("ecr:BatchCheckLayerAvailability",), ("ecr:GetDownloadUrlForLayer",)
    put, names = ("ecr:PutImage",), ("ecr:ListImages",)
    return (
        Route("GET", VERSION, SIGNED_IN, "Version", listing.version),
        Route("HEAD", VERSION, SIGNED_IN, "Version", listing.version),
        Route("GET", CATALOG, ("ecr:DescribeRepositories",), "Catalog", listing.catalog),
        Route("GET", TAGS, names, "ListTags", listing.tags, anonymous=True),
        Route("GET", REFERRERS, IMAGE, "ListReferrers", listing.referrers, anonymous=True),
        Route("POST", UPLOADS, START, "StartUpload", uploads.start, creates=True),
        Route("GET", UPLOAD, PART, "UploadStatus", uploads.status),
        Route("PATCH", UPLOAD, PART, "AppendUpload", uploads.append),
        Route("PUT", UPLOAD, COMPLETE, "FinishUpload", uploads.finish),
        Route("DELETE", UPLOAD, PART, "CancelUpload", uploads.cancel),
        Route("HEAD", BLOB, probe, "HeadBlob", blobs.head, anonymous=True),
        Route("GET", BLOB, read, "GetBlob", blobs.get, anonymous=True),
        Route("DELETE", BLOB, DELETE, "DeleteBlob", blobs.delete),
        Route("HEAD", MANIFEST, IMAGE, "HeadManifest", manifests.get, anonymous=True),
        Route("GET", MANIFEST, IMAGE, "GetManifest", manifests.get, anonymous=True),
        Route("PUT", MANIFEST, put, "PutManifest", manifests.put, creates=True),
        Route("DELETE", MANIFEST, DELETE, "DeleteManifest", manifests.delete),
    )
