"""Verification of AWS Signature Version 4, in two steps.

`identify` needs no body, so a body is only read for somebody who claims a key that exists;
`verify` then proves the claim. Clock skew: five minutes either way, as most AWS services.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from registry.aws.claims import TIMESTAMP
from registry.aws.context import Caller
from registry.aws.errors import Fault, RequestError
from registry.aws.protocol import Incoming
from registry.aws.signature import Claim, canonical_request, signature, string_to_sign

SKEW = timedelta(minutes=5)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your"
    " AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_UNKNOWN = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"


@dataclass(frozen=True, slots=True)
class SigningCredential:
    """An access key as the lookup knows it."""

    secret: str = field(repr=False)
    caller: Caller
    active: bool = True
    """A key that is not active is, to its user, the same as one that does not exist."""
    expired: bool = False
    """Whether its session is over; told only to whoever signs with the secret."""


class Credentials(Protocol):
    """Where access keys are looked up; called from worker threads."""

    def find(self, access_key_id: str, session_token: str | None) -> SigningCredential | None:
        """The key, or None where it is unknown or the session token is not the one it needs.

        A long-lived key comes without a session token, a temporary one never does.
        """


@dataclass(frozen=True, slots=True)
class Identified:
    """A claim whose form, scope and time are right, with the key it must be signed with."""

    claim: Claim
    credential: SigningCredential = field(repr=False)


class Verifier:
    """Checks signatures against the keys of a lookup."""

    def __init__(
        self, credentials: Credentials, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._credentials = credentials
        self._clock = clock

    def identify(
        self, incoming: Incoming, claim: Claim, service: str, regions: Collection[str]
    ) -> Identified:
        """The key behind the claim.

        `regions` are those a scope may name, the first one the server's own. Raises
        RequestError (BAD_SIGNATURE, REQUEST_EXPIRED, UNKNOWN_KEY).
        """
        _check_headers(incoming, claim)
        _check_scope(claim, service, regions)
        self._check_time(claim)
        found = self._credentials.find(claim.access_key_id, claim.session_token)
        if found is None or not found.active:
            raise RequestError(Fault.UNKNOWN_KEY, _UNKNOWN)
        return Identified(claim, found)

    def verify(self, incoming: Incoming, identified: Identified) -> Caller:
        """The caller. Raises RequestError (BAD_SIGNATURE, TOKEN_EXPIRED)."""
        claim, credential = identified.claim, identified.credential
        payload = hashlib.sha256(incoming.body).hexdigest()
        if incoming.header("x-amz-content-sha256") not in (None, payload):
            # UNSIGNED-PAYLOAD too: no operation here has a body that need not be signed.
            raise _bad_signature(
                "The value of 'x-amz-content-sha256' is not the SHA-256 of the body."
            )
        canonical = canonical_request(incoming, claim.signed_headers, payload)
        text = string_to_sign(claim.timestamp, claim.scope, canonical)
        expected = signature(credential.secret, claim.scope, text)
        if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
            raise _bad_signature(_MISMATCH)
        if credential.expired:
            raise RequestError(Fault.TOKEN_EXPIRED, _EXPIRED)
        return credential.caller

    def _check_time(self, claim: Claim) -> None:
        try:
            signed = datetime.strptime(claim.timestamp, TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            message = f"'{claim.timestamp}' is not a date"
            raise RequestError(Fault.INCOMPLETE_SIGNATURE, message) from None
        now = self._clock().astimezone(UTC)
        shown = now.strftime(TIMESTAMP)
        if signed > now + SKEW:
            latest = (now + SKEW).strftime(TIMESTAMP)
            raise _bad_signature(
                f"Signature not yet current: {claim.timestamp} is still later than"
                f" {latest} ({shown} + 5 min.)"
            )
        if claim.expires is not None:
            if now > signed + timedelta(seconds=claim.expires):
                raise RequestError(Fault.REQUEST_EXPIRED, "Request has expired.")
        elif signed < now - SKEW:
            earliest = (now - SKEW).strftime(TIMESTAMP)
            raise _bad_signature(
                f"Signature expired: {claim.timestamp} is now earlier than"
                f" {earliest} ({shown} - 5 min.)"
            )


def _check_headers(incoming: Incoming, claim: Claim) -> None:
    """The host and every header that steers the service must be signed."""
    if "host" not in claim.signed_headers:
        raise _bad_signature(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    present = {name for name, _ in incoming.headers}
    absent = sorted(set(claim.signed_headers) - present)
    if absent:
        raise _bad_signature(f"The signed headers are not all there: {', '.join(absent)[:160]}")
    unsigned = {name for name in present if name.startswith("x-amz-")} - set(claim.signed_headers)
    if unsigned:
        listed = ", ".join(sorted(unsigned))[:160]
        raise _bad_signature(
            f"There were headers present in the request which were not signed: {listed}"
        )


def _check_scope(claim: Claim, service: str, regions: Collection[str]) -> None:
    scope = claim.scope
    if scope.date != claim.timestamp[:8]:
        raise _bad_signature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from"
            f" HTTP: '{scope.date[:16]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if scope.region not in regions:
        raise _bad_signature(
            f"Credential should be scoped to a valid region, not '{scope.region[:64]}'."
        )
    if scope.service != service:
        raise _bad_signature(f"Credential should be scoped to correct service: '{service}'.")


def _bad_signature(message: str) -> RequestError:
    return RequestError(Fault.BAD_SIGNATURE, message)
