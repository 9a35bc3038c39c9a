"""The parts of the pull-through cache, put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry.domain.upstreams.fetches import Fetches
from registry.domain.upstreams.gaps import Gaps
from registry.domain.upstreams.imports import Imports
from registry.domain.upstreams.leases import Leases
from registry.domain.upstreams.mirrors import Mirrors
from registry.domain.upstreams.rules import Rules
from registry.domain.upstreams.secrets import Secrets
from registry.domain.upstreams.sources import Sources
from registry.domain.upstreams.tags import UpstreamTags

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.domain.blobs import Blobs
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.templates import Templates
    from registry.domain.uploads import Uploads
    from registry.upstream.client import Client
    from registry.values.scope import Hosts


@dataclass(frozen=True, slots=True)
class Below:
    """What the cache is built on."""

    database: Database
    cache: Cache
    secrets: Secrets
    client: Client
    repositories: Repositories
    templates: Templates
    images: Images
    """One that takes manifests whose content is not here yet."""
    uploads: Uploads
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Caching:
    """What the wires use."""

    rules: Rules
    sources: Sources
    mirrors: Mirrors
    imports: Imports
    fetches: Fetches


def caching(below: Below, hosts: Hosts, *, mirror_of: str, every: timedelta) -> Caching:
    """`mirror_of` is the upstream meant where a pull names none, `every` how long a tag is
    served without a look at its upstream.
    """
    rules = Rules(below.database, below.cache)
    sources = Sources(below.secrets, below.client)
    leases = Leases(below.database)
    imports = Imports(
        database=below.database,
        rules=rules,
        sources=sources,
        client=below.client,
        repositories=below.repositories,
        templates=below.templates,
        images=below.images,
        tags=UpstreamTags(below.database, below.cache),
        leases=leases,
        every=every,
    )
    fetches = Fetches(
        rules=rules,
        sources=sources,
        client=below.client,
        repositories=below.repositories,
        uploads=below.uploads,
        blobs=below.blobs,
        gaps=Gaps(below.database, below.images),
        leases=leases,
    )
    mirrors = Mirrors(rules, below.repositories, hosts, mirror_of)
    return Caching(rules, sources, mirrors, imports, fetches)
