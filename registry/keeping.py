"""What of the server's own interface is about keeping: undelete, protection, keys, quotas."""

from __future__ import annotations

from collections.abc import Iterator

from registry.api.deleted import DeletedEndpoints
from registry.api.protection import ProtectionEndpoints
from registry.api.rekeys import RekeyEndpoints
from registry.api.routes import Route
from registry.api.usage import UsageEndpoints
from registry.aws.pages import Pages
from registry.config import Settings
from registry.domain.key_use import KeyUse
from registry.domain.protection import Protections
from registry.domain.quotas import Quotas
from registry.domain.repositories import Repositories
from registry.domain.usage import Usage
from registry.ground import Ground
from registry.stores import rekeying_of, undelete_of


def keeping_routes(
    settings: Settings,
    ground: Ground,
    repositories: Repositories,
    key_use: KeyUse,
    pages: Pages,
) -> Iterator[Route]:
    """All its endpoints."""
    yield from DeletedEndpoints(undelete_of(ground), pages).routes
    yield from ProtectionEndpoints(repositories, Protections(ground.database)).routes
    rekeying = rekeying_of(settings, ground)
    yield from RekeyEndpoints(repositories, rekeying, key_use, ground.provider, pages).routes
    usage, quotas = Usage(ground.database), Quotas(ground.database)
    yield from UsageEndpoints(usage, quotas, pages, settings.account).routes
