"""KMS as a service of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.kms.aliases import AliasOperations
from registry.kms.datakeys import DataKeyOperations
from registry.kms.encryption import EncryptionOperations
from registry.kms.errors import service_error
from registry.kms.grants import GrantOperations
from registry.kms.keys import KeyOperations
from registry.kms.policies import PolicyOperations
from registry.kms.rotation import RotationOperations
from registry.kms.service import kms
from registry.kms.states import StateOperations
from registry.kms.tags import TagOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.kms.service import Stores

_HANDLERS = (
    KeyOperations,
    StateOperations,
    AliasOperations,
    EncryptionOperations,
    DataKeyOperations,
    RotationOperations,
    PolicyOperations,
    GrantOperations,
    TagOperations,
)


def bound_kms(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's KMS."""
    handlers = [handler(stores, pages) for handler in _HANDLERS]
    return kms.bind(*handlers, errors=service_error)
