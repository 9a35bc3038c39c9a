"""What can be set of an agent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How one agent works. Times are in seconds."""

    cluster: str = "default"
    awsvpc_subnet: str | None = None
    """CIDR of the network of awsvpc tasks; None: the first usual one that is free here."""
    pause_image: str | None = None
    """The image that holds a task's network; None: one of the agent's own, made on the spot."""
    cleanup_seconds: float = 3 * 3600.0
    """How long stopped containers of EC2 tasks stay (ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION)."""
    stop_seconds: float = 30.0
    """Between the stop signal and SIGKILL where the definition has no stopTimeout."""
    tick_seconds: float = 10.0
    """How often all tasks are looked at even when the engine reports nothing."""
    heartbeat_seconds: float = 15.0
    step_threads: int = 12
    create_threads: int = 8
    """For creating containers, which may wait for secrets."""
    slow_threads: int = 16
    """For pulling images and cleaning up, which may wait for other machines for long."""
    failure_seconds: float = 2.0
    """Before a step that failed in a way nobody foresaw is done again."""
    pull_attempts: int = 5
    pull_pause: float = 1.1
    """Before the second attempt at a pull; each further pause is twice as long, 5 s at most."""
    drain_seconds: float = 10.0
    """How long removing a container waits for its last log lines to be shipped."""
    log_file_size: str = "10m"
    log_files: int = 3
    """Of containers whose output the engine's own files keep."""
