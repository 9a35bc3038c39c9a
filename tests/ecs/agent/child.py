"""A process with an agent in it, to be killed: `python -m tests.ecs.agent.child URL FOLDER`.

It takes payloads from FOLDER/inbox, puts them into FOLDER/taken once the agent has them, and
appends each state that it is told to FOLDER/told.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from registry.ecs.agent.local import LocalAgent
from registry.ecs.agent.payloads import payload_from_json
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import ContainerStateChange, TaskStateChange
from tests.ecs.agent.harness import Others, Plane


class FilePlane(Plane):
    """A control plane that outlives its process, as a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.writing = threading.Lock()

    def submit_task(self, change: TaskStateChange) -> None:
        super().submit_task(change)
        self._append(change.task_arn)

    def submit_container(self, change: ContainerStateChange) -> None:
        super().submit_container(change)
        self._append(change.task_arn)

    def _append(self, arn: str) -> None:
        state = self.tasks[arn]
        line = {
            "arn": arn,
            "status": state.status,
            "exits": {one.name: one.exit_code for one in state.containers},
        }
        with self.writing, self.file.open("a") as file:
            file.write(f"{json.dumps(line)}\n")


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2])
    others = Others()
    agent = LocalAgent(
        engine_url=url,
        folder=folder / "ecs",
        control_plane=FilePlane(folder / "told"),
        puller=others,
        secrets=others,
        surroundings=others,
        logs=others,
        settings=AgentSettings(tick_seconds=1.0),
    )
    agent.start()
    (folder / "agent").write_text(agent.id)
    while True:
        for file in sorted((folder / "inbox").glob("*.json")):
            agent.accept([payload_from_json(file.read_text())])
            file.rename(folder / "taken" / file.name)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
