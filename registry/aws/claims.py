"""Reading a signature's claim from the Authorization header or from a presigned URL.

Sources: IAM User Guide, "Elements of an AWS API request signature" and "Troubleshoot
Signature Version 4 signing", whose messages these are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from registry.aws.errors import Fault, RequestError
from registry.aws.protocol import Incoming
from registry.aws.query_protocol import form_fields
from registry.aws.signature import ALGORITHM, TERMINATOR, Claim, Scope

TIMESTAMP = "%Y%m%dT%H%M%SZ"
MAX_AUTHORIZATION = 8 * 1024
MAX_EXPIRES = 7 * 24 * 3600
# An answer about the wrong one of two copies would be an answer about nothing.
_SINGLE = ("host", "x-amz-date", "date", "x-amz-security-token", "x-amz-content-sha256")
_QUERY_PARAMETERS = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")


def read_claim(incoming: Incoming) -> Claim:
    """The claim. Raises RequestError (MISSING_TOKEN, INCOMPLETE_SIGNATURE, MALFORMED_QUERY)."""
    authorization = incoming.header("authorization")
    for name in (*_SINGLE, "x-amz-target", "content-type"):
        incoming.header(name)
    presigned = any(pair.startswith("X-Amz-") for pair in incoming.query.split("&"))
    if authorization and presigned:
        raise _incomplete("Only one of an Authorization header and X-Amz-… parameters is allowed.")
    if authorization:
        return _from_header(incoming, authorization)
    if presigned:
        return _from_query(incoming)
    raise RequestError(Fault.MISSING_TOKEN, "Missing Authentication Token")


def _from_header(incoming: Incoming, authorization: str) -> Claim:
    if len(authorization) > MAX_AUTHORIZATION:
        raise _incomplete(f"The Authorization header is longer than {MAX_AUTHORIZATION} bytes.")
    algorithm, _, rest = authorization.partition(" ")
    if algorithm.startswith("AWS4-") and algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    pairs = [pair.strip().partition("=") for pair in rest.split(",")]
    fields = {name: value for name, _, value in pairs}
    timestamp = _timestamp(incoming)
    needed = ("Credential", "Signature", "SignedHeaders")
    missing = [
        f"Authorization header requires '{x}' parameter." for x in needed if not fields.get(x)
    ]
    if timestamp is None:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if algorithm != ALGORITHM or missing or timestamp is None or len(fields) != len(pairs):
        hashed = base64.b64encode(hashlib.sha256(authorization.encode()).digest()).decode()
        digest = f"(Hashed with SHA-256 and encoded with Base64) Authorization={hashed}"
        raise _incomplete(" ".join([*(missing or ["Authorization header is malformed."]), digest]))
    return _claim(fields, timestamp, incoming.header("x-amz-security-token"), None)


def _from_query(incoming: Incoming) -> Claim:
    pairs = [
        (name.removeprefix("X-Amz-"), value)
        for name, value in form_fields(incoming.query)
        if name.startswith("X-Amz-")
    ]
    fields = dict(pairs)
    missing = [
        f"AWS query-string parameters must include 'X-Amz-{name}'."
        for name in _QUERY_PARAMETERS
        if not fields.get(name)
    ]
    if missing or len(fields) != len(pairs):
        raise _incomplete(" ".join(missing) or "An X-Amz-… parameter is given more than once.")
    if fields["Algorithm"] != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{fields['Algorithm'][:64]}'.")
    timestamp = _basic(fields["Date"])
    return _claim(
        fields, timestamp, fields.get("Security-Token"), _expires(fields.get("Expires", ""))
    )


def _claim(fields: dict[str, str], timestamp: str, token: str | None, expires: int | None) -> Claim:
    parts = fields["Credential"].split("/")
    if len(parts) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements,"
            " e.g. keyid/date/region/service/term."
        )
    access_key_id, date, region, service, terminator = parts
    if terminator != TERMINATOR:
        message = f"Credential should be scoped with a valid terminator: '{TERMINATOR}'."
        raise RequestError(Fault.BAD_SIGNATURE, message)
    names = tuple(fields["SignedHeaders"].lower().split(";"))
    if list(names) != sorted(set(names)):
        raise _incomplete("'SignedHeaders' must be sorted and name each header once.")
    scope = Scope(date, region, service)
    return Claim(access_key_id, scope, timestamp, names, fields["Signature"], token, expires)


def _timestamp(incoming: Incoming) -> str | None:
    if (text := incoming.header("x-amz-date")) is not None:
        return _basic(text)
    if (text := incoming.header("date")) is None:
        return None
    if _BASIC.fullmatch(text):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime(TIMESTAMP)
    except (ValueError, OverflowError):
        raise _incomplete("The 'Date' header is not a date.") from None


_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)


def _basic(text: str) -> str:
    if not _BASIC.fullmatch(text):
        raise _incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{text[:32]}'."
            " See http://en.wikipedia.org/wiki/ISO_8601"
        )
    return text


def _expires(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_EXPIRES:
        raise _incomplete(f"X-Amz-Expires must be a number from 1 to {MAX_EXPIRES} (seconds).")
    return int(text)


def _incomplete(message: str) -> RequestError:
    return RequestError(Fault.INCOMPLETE_SIGNATURE, message)
