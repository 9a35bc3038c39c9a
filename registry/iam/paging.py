"""Listings in pages: Marker, MaxItems and IsTruncated.

Source: IAM API reference, e.g. ListUsers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from registry.aws.errors import Fault, RequestError
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.aws.context import Context
    from registry.aws.pages import Pages

PAGE = 100
"""Entries in one answer, where MaxItems says nothing."""

T = TypeVar("T")


class Paging:
    """The page that a request asks for. `listing` names what is listed, with its filters."""

    def __init__(
        self,
        pages: Pages,
        context: Context,
        listing: str,
        *,
        marker: str | None,
        max_items: int | None,
    ) -> None:
        self._pages = pages
        self._listing = f"iam {listing} {context.account} {context.caller.arn}"
        self._marker = marker
        self._limit = max_items or PAGE

    def load(
        self, read: Callable[[str, int], Sequence[T]], position: Callable[[T], str]
    ) -> tuple[Sequence[T], dict[str, Any]]:
        """The entries, and what the answer says of further ones.

        `read` gives at most so many entries behind a position. Raises RequestError for a
        marker that is not from this listing.
        """
        try:
            after = self._pages.open(self._listing, self._marker, "")
        except ParameterInvalid:
            message = "Invalid Marker: it is not from the page before, of the same listing"
            raise RequestError(Fault.INVALID, message) from None
        found = read(after, self._limit + 1)
        if len(found) <= self._limit:
            return found, {"IsTruncated": False}
        shown = found[: self._limit]
        marker = self._pages.seal(self._listing, position(shown[-1]))
        return shown, {"IsTruncated": True, "Marker": marker}

    def cut(
        self, entries: Sequence[T], position: Callable[[T], str]
    ) -> tuple[Sequence[T], dict[str, Any]]:
        """The same of entries that are all at hand, in the order of their positions."""
        return self.load(
            lambda after, limit: [each for each in entries if position(each) > after][:limit],
            position,
        )

    def numbered(self, entries: Sequence[T]) -> tuple[Sequence[T], dict[str, Any]]:
        """The same of a few entries whose own names are too long for a marker."""
        shown, more = self.cut([*enumerate(entries)], lambda pair: f"{pair[0]:06}")
        return [entry for _, entry in shown], more
