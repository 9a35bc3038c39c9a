"""The two endpoints for whoever runs the server: `/healthz` and `/metrics`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from registry.http.metrics import CONTENT_TYPE, Metrics
from registry.values.errors import MoorageError

Endpoint = Callable[[Request], Awaitable[Response]]
Check = Callable[[], None]

CHECK_SECONDS = 5.0
"""A check that takes longer has failed."""

_log = logging.getLogger("moorage.health")


def healthz(checks: Mapping[str, Check], timeout: float = CHECK_SECONDS) -> Endpoint:
    """An endpoint that runs the checks, each in a thread, `timeout` seconds at most.

    A check raises to say that something is wrong. 200 when all are well, otherwise 503; the
    JSON names each check and, for the errors of our own tree, what they say.
    """

    async def endpoint(request: Request) -> Response:
        _operation(request, "Healthz")
        found = await asyncio.gather(*(_result(n, c, timeout) for n, c in checks.items()))
        well = all(result == "ok" for result in found)
        return JSONResponse(
            {
                "status": "ok" if well else "failing",
                "checks": dict(zip(checks, found, strict=True)),
            },
            200 if well else 503,
            headers={"cache-control": "no-store"},
        )

    return endpoint


def exposition(metrics: Metrics) -> Endpoint:
    """An endpoint that gives the metrics in Prometheus's text format."""

    async def endpoint(request: Request) -> Response:
        _operation(request, "Metrics")
        text = await asyncio.to_thread(metrics.exposition)
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    return endpoint


def _operation(request: Request, name: str) -> None:
    request.state.surface = "operations"
    request.state.operation = name


async def _result(name: str, check: Check, timeout: float) -> str:
    try:
        await asyncio.wait_for(asyncio.to_thread(check), timeout)
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except MoorageError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever a check raises, it has failed
        _log.exception("health check %s failed", name)
        return "failed"
    return "ok"
