"""What containers ask at 169.254.170.2: credentials, metadata, what the engine counts.

Source: Developer Guide, "Task IAM role" (`/v2/credentials/<id>`), "Task metadata endpoint
version 4".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from registry.ecs.endpoints.metadata import Shown, container_metadata, task_metadata

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry.ecs.endpoints.knowledge import Knowledge, Place

Inspect = Callable[[str], Shown]
"""What the engine shows of the containers of a task, by its ARN."""
Stats = Callable[[str], Any]
"""What the engine counts of a container, by the engine's id of it."""


class Endpoints:
    """The answers."""

    def __init__(self, knowledge: Knowledge, inspect: Inspect, stats: Stats) -> None:
        self._knowledge = knowledge
        self._inspect = inspect
        self._stats = stats

    def app(self) -> Starlette:
        """As an ASGI application."""
        tail = "/v4/{token}"
        return Starlette(
            routes=[
                Route("/v2/credentials/{number}", self.credentials),
                Route(tail, self.container),
                Route(f"{tail}/task", self.task),
                Route(f"{tail}/taskWithTags", self.tagged),
                Route(f"{tail}/stats", self.container_stats),
                Route(f"{tail}/task/stats", self.task_stats),
            ]
        )

    async def credentials(self, request: Request) -> JSONResponse:
        """Temporary credentials of a role."""
        found = self._knowledge.credentials(request.path_params["number"])
        if found is None:
            return _refused("InvalidIdInRequest", "Credentials ID not found")
        return JSONResponse(
            {
                "RoleArn": found.role_arn,
                "AccessKeyId": found.access_key_id,
                "SecretAccessKey": found.secret_access_key,
                "Token": found.session_token,
                "Expiration": found.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            headers={"cache-control": "no-store"},
        )

    async def container(self, request: Request) -> JSONResponse:
        """The asking container."""
        return await self._answer(
            request, lambda place, shown: container_metadata(place.payload, place.container, shown)
        )

    async def task(self, request: Request) -> JSONResponse:
        """Its task."""
        return await self._answer(request, lambda place, shown: task_metadata(place.payload, shown))

    async def tagged(self, request: Request) -> JSONResponse:
        """Its task, with the task's tags."""
        return await self._answer(
            request, lambda place, shown: task_metadata(place.payload, shown, tags=True)
        )

    async def container_stats(self, request: Request) -> JSONResponse:
        """What the engine counts of the asking container."""
        return await self._answer(
            request, lambda place, shown: self._stats(shown[place.container]["Id"])
        )

    async def task_stats(self, request: Request) -> JSONResponse:
        """The same of all of its task."""
        return await self._answer(
            request,
            lambda place, shown: {
                shown[name]["Id"]: self._stats(shown[name]["Id"])
                for name in place.payload.container_arns
                if name in shown
            },
        )

    async def _answer(self, request: Request, made: Callable[[Place, Shown], Any]) -> JSONResponse:
        place = self._knowledge.place(request.path_params["token"])
        if place is None:
            return _refused("InvalidIdInRequest", "no container has this id")
        shown = await run_in_threadpool(self._inspect, place.payload.arn)
        if place.container not in shown:
            return _refused("InternalError", "the container is not there yet")
        return JSONResponse(await run_in_threadpool(made, place, shown))


def _refused(code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "HTTPErrorCode": 400}, status_code=400)
