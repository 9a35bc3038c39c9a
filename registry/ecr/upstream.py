"""Pulls by ECR's API through the cache: what is missing is brought before the operation looks.

Source: ECR API reference, BatchGetImage (failure codes, UnableToGetUpstreamImageException) and
GetDownloadUrlForLayer (UnableToGetUpstreamLayerException).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.aws.errors import ServiceError
from registry.domain.api.identifiers import Failure, read
from registry.domain.requests import circumstances_of, identity_of
from registry.values.errors import BlobNotFound, Denied, ImageNotFound
from registry.values.fetching import (
    UpstreamBusy,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamSecretLost,
)

if TYPE_CHECKING:
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.aws.context import Context
    from registry.domain.access import Access
    from registry.domain.blobs import Blobs
    from registry.domain.repositories import Repository
    from registry.domain.upstreams.cache import Caching
    from registry.values.digest import Digest
    from registry.values.scope import Scope

WAITING = 8
"""Requests of this API that may wait for upstreams at once: each one keeps a thread from others."""
_LAYER = "UnableToGetUpstreamLayerException"

Failures = dict[int, Failure]
"""By the place of an image in its batch, why its upstream did not give it."""


class Upstream:
    """Brings what operations are about to look for."""

    def __init__(self, caching: Caching, access: Access, blobs: Blobs) -> None:
        self._imports = caching.imports
        self._fetches = caching.fetches
        self._access = access
        self._blobs = blobs
        self._room = threading.Semaphore(WAITING)

    def images(
        self, context: Context, scope: Scope, name: str, ids: Sequence[ImageIdentifierTypeDef]
    ) -> Failures:
        """Bring images that are missing or due.

        Raises Denied, UpstreamSecretLost, and ServiceError where there is not even a repository.
        """
        failures: Failures = {}
        for at, image_id in enumerate(ids):
            try:
                self._image(context, scope, name, image_id)
            except Failure as failure:
                failures[at] = failure
        if failures and not self._imports.exists(scope, name):
            reason = next(iter(failures.values())).reason
            raise ServiceError("UnableToGetUpstreamImageException", reason)
        return failures

    def layer(self, repository: Repository, digest: Digest) -> None:
        """Bring a layer that an image of the repository names, and that is missing."""
        try:
            self._blobs.get(repository, digest)
        except BlobNotFound:
            fetch = self._fetches.start(repository.scope, repository.name, digest)
            if fetch is None:
                return
            try:
                with self._waiting():
                    fetch.stored.result()
            except (UpstreamFailed, UpstreamDenied, BlobNotFound) as error:
                raise ServiceError(_LAYER, str(error)) from None

    def _image(
        self, context: Context, scope: Scope, name: str, image_id: ImageIdentifierTypeDef
    ) -> None:
        digest, tag = read(image_id)
        reference = digest if digest is not None else tag
        assert reference is not None  # noqa: S101 - `read` refuses one without either
        wanted = self._imports.wanted(scope, name, reference)
        if wanted is None:
            return
        about = circumstances_of(context, {"ecr:imagetag": tag} if tag else {})
        who, arn = identity_of(context), scope.repository_arn(name)
        try:
            with self._waiting():
                brought = self._imports.bring(
                    wanted, lambda action: self._access.require(who, (action,), arn, about)
                )
                if brought is not None:
                    brought.result()
        except (Denied, UpstreamSecretLost):
            raise
        except ImageNotFound:
            return  # and so it will be found
        except UpstreamBusy as error:
            raise Failure("UpstreamTooManyRequests", str(error)) from None
        except UpstreamDenied as error:
            raise Failure("UpstreamAccessDenied", str(error)) from None
        except UpstreamFailed as error:
            raise Failure("UpstreamUnavailable", str(error)) from None

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise UpstreamBusy("too many requests wait for upstream registries; try again later")
        try:
            yield
        finally:
            self._room.release()
