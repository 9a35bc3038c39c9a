"""What can be wrong with a request about parameters, by the names that Parameter Store has."""

from __future__ import annotations

from registry.values.digest import shown
from registry.values.errors import Conflict, LimitExceeded, NotFound, ParameterInvalid


class ParameterNotFound(NotFound):
    """No parameter of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Parameter {name} not found.")


class ParameterVersionNotFound(NotFound):
    """The parameter has no such version."""

    def __init__(self, version: int, name: str) -> None:
        super().__init__(
            f"Systems Manager could not find version {version} of {name}. Verify the version and"
            " try again."
        )


class LabelNotFound(ParameterVersionNotFound):
    """No version of the parameter has the label."""

    def __init__(self, label: str, name: str) -> None:
        NotFound.__init__(
            self,
            f"Systems Manager could not find the label {label} of {name}. Verify the label and"
            " try again.",
        )


class InvalidResourceId(NotFound):
    """Nothing of that name can be tagged."""

    def __init__(self) -> None:
        super().__init__(
            "The resource ID is not valid. Verify that you entered the correct ID and try again."
        )


class ParameterAlreadyExists(Conflict):
    """There is one, and nobody said that it may be overwritten."""

    def __init__(self) -> None:
        super().__init__(
            "The parameter already exists. To overwrite this value, set the overwrite option in"
            " the request to true."
        )


class HierarchyTypeMismatch(Conflict):
    """A parameter keeps its type."""

    def __init__(self) -> None:
        super().__init__(
            "Parameter Store doesn't support changing a parameter type in a hierarchy. For example,"
            " you can't change a parameter from a String type to a SecureString type. You must"
            " create a new, unique parameter."
        )


class HierarchyLevelLimitExceeded(ParameterInvalid):
    """A name with too many parts."""

    def __init__(self, most: int) -> None:
        super().__init__(f"A hierarchy can have a maximum of {most} levels.")


class ParameterMaxVersionLimitExceeded(LimitExceeded):
    """The oldest version has a label, and may not go."""

    def __init__(self, name: str, oldest: int) -> None:
        super().__init__(
            f"You attempted to create a new version of {name} by calling the PutParameter API with"
            f" the overwrite flag. Version {oldest}, the oldest version, can't be deleted because"
            " it has a label associated with it. Move the label to another version of the"
            " parameter, and try again."
        )


class ParameterVersionLabelLimitExceeded(LimitExceeded):
    """A version with too many labels."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"A parameter version can have maximum {most} labels. Move one or more labels to"
            " another version and try again."
        )


class TooManyTags(LimitExceeded):
    """A parameter with more tags than it may have."""


class InvalidAllowedPattern(ParameterInvalid):
    """A pattern that is none, or takes too long."""


class ParameterPatternMismatch(ParameterInvalid):
    """A value that is not as the parameter's pattern says."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"Parameter value, cannot be validated against allowedPattern: {shown(pattern)}"
        )


class InvalidFilterKey(ParameterInvalid):
    """A filter of another kind than there are."""


class InvalidFilterOption(ParameterInvalid):
    """A filter that cannot be asked so."""
