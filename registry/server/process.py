"""Start the server, in this process or over several workers."""

from __future__ import annotations

from collections.abc import Callable

from registry.server.settings import ServerSettings
from registry.server.sockets import listen
from registry.server.supervisor import Supervisor
from registry.server.worker import load_factory, make_server, serve


def run(
    settings: ServerSettings,
    factory: str,
    argument: str | Callable[[int], str],
    ready: Callable[[str], None],
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status, 0 after a clean end.

    `factory` names a function, `package.module:function`, that makes the application (ASGI with
    lifespan) from `argument`, or from what that makes of the port; each worker calls it in its own
    process. It also sets up the worker's logging. `ready` is called once, with the server's URL,
    when the first worker serves. Raises StartFailed when the address, the certificate or the
    factory is not usable.
    """
    settings.tls()
    load_factory(factory)
    sockets = listen(settings.host, settings.port)
    port = sockets[0].getsockname()[1]
    url = _url(settings, port)
    told = argument if isinstance(argument, str) else argument(port)
    try:
        if settings.workers > 1:
            return Supervisor(settings, factory, told, sockets, lambda: ready(url)).run()
        app = load_factory(factory)(told)
        return serve(make_server(settings, app, lambda: ready(url)), sockets)
    finally:
        for listening in sockets:
            listening.close()


def _url(settings: ServerSettings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{settings.scheme}://{host}:{port}"
