"""The server process: sockets, workers, a clean start and a clean end."""

from registry.server.process import run
from registry.server.settings import ServerSettings, StartFailed

__all__ = ["ServerSettings", "StartFailed", "run"]
