"""Secrets Manager as a service of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.secretsmanager.errors import service_error
from registry.secretsmanager.policies import PolicyOperations
from registry.secretsmanager.secrets import SecretOperations
from registry.secretsmanager.service import secretsmanager
from registry.secretsmanager.values import ValueOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.secretsmanager.service import Stores

_HANDLERS = (SecretOperations, ValueOperations, PolicyOperations)


def bound_secretsmanager(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's Secrets Manager."""
    handlers = [handler(stores, pages) for handler in _HANDLERS]
    return secretsmanager.bind(*handlers, errors=service_error)
