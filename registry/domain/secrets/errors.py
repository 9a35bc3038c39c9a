"""What can be wrong with a request about secrets, in Secrets Manager's words."""

from __future__ import annotations

from registry.values.errors import Conflict, LimitExceeded, NotFound, ParameterInvalid

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


class SecretMissing(NotFound):
    """No secret of that name or ARN, or no such version of it."""

    def __init__(self, what: str = "") -> None:
        detail = f" value for {what}" if what else ""
        end = "" if what else "."
        super().__init__(f"Secrets Manager can't find the specified secret{detail}{end}")


class SecretExists(Conflict):
    """A secret of that name, or a version of that id with another value."""


class SecretDeleted(Conflict):
    """A secret that is to be deleted."""

    def __init__(self) -> None:
        super().__init__(
            "You can't perform this operation on the secret because it was marked for deletion."
        )


class NameTaken(SecretDeleted):
    """A secret of that name is to be deleted."""

    def __init__(self) -> None:
        Conflict.__init__(
            self,
            "You can't create this secret because a secret with this name is already scheduled"
            " for deletion.",
        )


class StageMismatch(Conflict):
    """A version and a stage that do not belong together."""

    def __init__(self) -> None:
        super().__init__(
            "You provided a VersionStage that is not associated to the provided VersionId."
        )


class StageInvalid(ParameterInvalid):
    """A stage that cannot be moved so."""


class TooManyVersions(LimitExceeded):
    """A secret with more versions in use than it may have."""


class TooManyTags(LimitExceeded):
    """A secret with more tags than it may have."""
