"""What can be wrong with a request about logs, in CloudWatch Logs' words."""

from __future__ import annotations

from registry.values.errors import Conflict, LimitExceeded, NotFound, ParameterInvalid


class GroupNotFound(NotFound):
    """No log group of that name."""

    def __init__(self) -> None:
        super().__init__("The specified log group does not exist.")


class StreamNotFound(NotFound):
    """No log stream of that name in the group."""

    def __init__(self) -> None:
        super().__init__("The specified log stream does not exist.")


class GroupExists(Conflict):
    """A log group of that name exists already."""

    def __init__(self) -> None:
        super().__init__("The specified log group already exists")


class StreamExists(Conflict):
    """A log stream of that name exists already in the group."""

    def __init__(self) -> None:
        super().__init__("The specified log stream already exists")


class GroupProtected(ParameterInvalid):
    """A log group that is protected from deletion."""

    def __init__(self) -> None:
        super().__init__("The log group has deletion protection enabled and cannot be deleted.")


class TooManyTags(LimitExceeded):
    """A log group with more tags than it may have."""


class PatternInvalid(ParameterInvalid):
    """A filter pattern outside the syntax."""
