"""Why containers and tasks stopped, in the words of the real agent.

Sources: amazon-ecs-agent, `agent/dockerclient/dockerapi/errors.go`, `agent/engine/errors.go`,
`agent/engine/dependencygraph/graph.go`; Amazon ECS Developer Guide, "Amazon ECS stopped tasks
error messages".
"""

from __future__ import annotations

ESSENTIAL_EXITED = "Essential container in task exited"
FAILED_TO_START = "Task failed to start"
UNHEALTHY = "Task failed container health checks"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
VANISHED = "ContainerVanishedError: No container matching saved ID found"
TERMINATED = 143
"""The exit code that is told of a container which its dependencies kept from starting."""


def cannot_pull(error: str) -> str:
    """The image did not come."""
    return f"CannotPullContainerError: {error}"


def cannot_create(error: str) -> str:
    """The engine refused the container's settings."""
    return f"CannotCreateContainerError: {error}"


def cannot_start(error: str) -> str:
    """The engine refused to start it."""
    return f"CannotStartContainerError: {error}"


def cannot_initialize(error: str) -> str:
    """Something that had to be there before the container was not to be had."""
    return f"ResourceInitializationError: {error}"


def timed_out(rung: str, duration: str) -> str:
    """The engine did not answer in time. `duration` in Go's form, such as `3m0s`."""
    return f"DockerTimeoutError: Could not transition to {rung}; timed out after waiting {duration}"


def runtime_error(error: str, *, fargate: bool) -> str:
    """What the runtime said of a container that ended."""
    return f"{'ContainerRuntimeError' if fargate else 'DockerStateError'}: {error}"


def dependencies_unresolvable(task_arn: str) -> str:
    """They go in a circle, or name a container that is not there."""
    return f"TaskDependencyError: Task dependencies cannot be resolved, taskArn: {task_arn}"


def dependency_unsuccessful(dependency: str, target: str) -> str:
    """It was to exit with 0 and did not."""
    return cannot_start(
        f"dependency graph: failed to resolve container ordering dependency [{dependency}] "
        f"for target [{target}] as dependency did not exit successfully."
    )


def dependency_never_starts(dependency: str, target: str) -> str:
    """It will not run at all."""
    return cannot_start(
        f"dependency graph: failed to resolve container ordering dependency [{dependency}] "
        f"for target [{target}] because dependency will never start"
    )


def dependency_timed_out(dependency: str, target: str) -> str:
    """Its startTimeout is over."""
    return cannot_start(
        f"dependency graph: container ordering dependency [{dependency}] "
        f"for target [{target}] has timed out."
    )
