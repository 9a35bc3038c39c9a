"""The services beside ECR that containers need: logs, parameters, secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.background import Work
from registry.domain.key_calls import KeyCalls
from registry.domain.key_choice import KeyChoice
from registry.domain.key_use import Lending
from registry.domain.logs.ending import SECONDS as ENDING_SECONDS
from registry.domain.logs.ending import Ending
from registry.domain.logs.groups import Groups
from registry.domain.logs.guards import LogGuards
from registry.domain.logs.keys import GroupKeys
from registry.domain.logs.reading import Reading
from registry.domain.logs.streams import Streams
from registry.domain.logs.writing import Writing
from registry.domain.parameters.guards import ParameterGuards
from registry.domain.parameters.parameters import Parameters
from registry.domain.repositories import Encryption
from registry.domain.secrets.guards import SecretGuards
from registry.domain.secrets.lookup import Lookup
from registry.domain.secrets.secrets import Secrets
from registry.domain.secrets.values import Values
from registry.domain.vault import Vault
from registry.logs.binding import bound_logs
from registry.logs.service import Stores as LogStores
from registry.secretsmanager.binding import bound_secretsmanager
from registry.secretsmanager.service import Stores as SecretStores
from registry.ssm.binding import bound_ssm
from registry.ssm.service import Stores as ParameterStores

PURGE_SECONDS = 60.0
"""How often secrets are deleted whose day has come."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.config import Settings
    from registry.domain.access import Access, Guarded
    from registry.ground import Ground
    from registry.values.scope import Scope


def companions(
    settings: Settings, ground: Ground, access: Access, pages: Pages
) -> Iterator[Service]:
    """Them, for the gateway."""
    yield bound_logs(log_stores(settings, ground), pages)
    yield bound_ssm(parameter_stores(ground, access), pages)
    yield bound_secretsmanager(secret_stores(ground, access), pages)


def parameter_stores(ground: Ground, access: Access) -> ParameterStores:
    """What Parameter Store's operations work on."""
    calls = KeyCalls(ground.provider, access, "ssm")
    return ParameterStores(parameters_of(ground), ground.provider, calls)


def secret_stores(ground: Ground, access: Access) -> SecretStores:
    """What Secrets Manager's operations work on."""
    return SecretStores(
        secrets=Secrets(ground.database),
        values=Values(ground.database, Vault(ground.storage, ground.provider)),
        keys=ground.provider,
        calls=KeyCalls(ground.provider, access, "secretsmanager"),
        access=access,
    )


def lookup_of(ground: Ground) -> Lookup:
    """What reads secrets for the registry itself."""
    values = Values(ground.database, Vault(ground.storage, ground.provider))
    return Lookup(Secrets(ground.database), values)


def parameters_of(ground: Ground) -> Parameters:
    """The parameters over the ground."""
    return Parameters(ground.database, Vault(ground.storage, ground.provider))


def log_stores(settings: Settings, ground: Ground) -> LogStores:
    """What CloudWatch Logs' operations work on."""
    database, keys = ground.logs, GroupKeys(Vault(ground.storage, ground.provider))
    return LogStores(
        groups=Groups(database, keys),
        streams=Streams(database),
        writing=Writing(database, keys),
        reading=Reading(database, keys),
        key_of=_key_of(settings, ground),
    )


def guards_of(ground: Ground) -> dict[str, Callable[[str], Guarded]]:
    """What their resources bring to a decision, by service."""
    return {
        "logs": LogGuards(ground.logs),
        "ssm": ParameterGuards(parameters_of(ground)),
        "secretsmanager": SecretGuards(Secrets(ground.database)),
    }


def _key_of(settings: Settings, ground: Ground) -> Callable[[Scope, str | None], str]:
    choice = KeyChoice(ground.provider, Lending(ground.keys), encrypted=settings.encryption)

    def key_of(scope: Scope, asked: str | None) -> str:
        return choice.find(scope, Encryption("AES256" if asked is None else "KMS", asked))

    return key_of


def companion_works(ground: Ground) -> Iterator[Work]:
    """What is done for them beside answering."""
    secrets = Secrets(ground.database)
    yield Work("secrets", lambda _stop: secrets.purge(), PURGE_SECONDS)
    yield Work("logs", Ending(ground.logs, ground.database).run, ENDING_SECONDS)
