"""The door of the server's own scanner: with a pass, one image can be read, and nothing else.

No policy is asked and no gate, it works while the image is kept from others, and it is no pull
that counts: it is the server's own hand. The audit log has each of its requests all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from registry.domain.scanning.passes import Pass, is_pass
from registry.values.errors import Denied, MoorageError
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.domain.access import Access, Circumstances
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.scanning.passes import Passes
    from registry.oci.routes import Route

_REFUSED = "This password is for the scan of one image, and for nothing but reading that image."
_MANIFEST, _BLOB = ("HeadManifest", "GetManifest"), ("HeadBlob", "GetBlob")


@dataclass(frozen=True, slots=True)
class ScannerDoor:
    """Lets a scanner in."""

    passes: Passes
    images: Images
    repositories: Repositories
    access: Access

    def credentials(self, authorization: str) -> str | None:
        """What a header holds if it is a pass; None for what everybody else brings."""
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        return credentials if scheme.lower() == "basic" and is_pass(credentials) else None

    async def admit(
        self, credentials: str, route: Route, parameters: dict[str, str], asked: Circumstances
    ) -> Pass:
        """What the pass is for. Raises Unauthenticated, TokenExpired, Denied."""
        action = route.actions[-1] if route.actions else "ecr:Login"
        name = parameters.get("name") or "*"
        try:
            granted = self.passes.from_basic(credentials)
            arn = granted.scope.repository_arn(name)
            await run_in_threadpool(self._check, granted, route, parameters)
        except MoorageError as error:
            self.access.refused(action, "*", asked, type(error).__name__, str(error))
            raise
        self.access.by_server("scanner", action, arn, asked)
        return granted

    def _check(self, granted: Pass, route: Route, parameters: dict[str, str]) -> None:
        wanted = parameters.get("reference") or parameters.get("digest") or ""
        if parameters.get("name") != granted.repository:
            raise Denied(_REFUSED)
        if route.operation in _MANIFEST and wanted == str(granted.digest):
            return
        if route.operation in _BLOB and wanted in self._blobs(granted):
            return
        raise Denied(_REFUSED)

    def _blobs(self, granted: Pass) -> set[str]:
        repository = self.repositories.get(granted.scope, granted.repository)
        stored = self.images.get(repository, granted.digest)
        manifest = parse(stored.content, stored.image.media_type)
        return {str(each.digest) for each in manifest.blobs}
