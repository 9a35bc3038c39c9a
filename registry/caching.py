"""The pull-through cache, put together over the ground."""

from __future__ import annotations

from registry.companions import lookup_of
from registry.config import Settings
from registry.domain.blobs import Blobs
from registry.domain.images import Images
from registry.domain.repositories import Repositories
from registry.domain.resting import Removal
from registry.domain.templates import Templates
from registry.domain.uploads import Uploads
from registry.domain.upstreams.cache import Below, Caching, caching
from registry.domain.upstreams.secrets import Secrets
from registry.domain.vault import Vault
from registry.ground import Ground
from registry.upstream.addresses import Trusted
from registry.upstream.client import Client


def secrets_of(ground: Ground) -> Secrets:
    """The credentials of upstream registries."""
    return Secrets(ground.database, ground.keys.secret("stored secrets"), lookup_of(ground))


def caching_of(
    settings: Settings,
    ground: Ground,
    *,
    repositories: Repositories,
    templates: Templates,
    uploads: Uploads,
    blobs: Blobs,
    removal: Removal,
) -> Caching:
    """The cache as the wires use it."""
    vault = Vault(ground.storage, ground.provider)
    below = Below(
        database=ground.database,
        cache=ground.cache,
        secrets=secrets_of(ground),
        client=Client(Trusted(settings.upstreams), settings.upstream_timeout),
        repositories=repositories,
        templates=templates,
        images=Images(ground.database, ground.cache, vault, removal=removal, sparse="all"),
        uploads=uploads,
        blobs=blobs,
    )
    every = settings.upstream_check
    return caching(below, settings.hosts, every=every)
