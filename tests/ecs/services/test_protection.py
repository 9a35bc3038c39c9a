"""GetTaskProtection, UpdateTaskProtection."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ecs.services.conftest import Machine, change, create
from tests.ecs.test_clusters import error


def test_a_protected_task_outlives_scaling_in(demo: Any, machine: Machine) -> None:
    create(demo)
    machine.settle()
    (kept, _) = machine.living()
    done = demo.update_task_protection(cluster="demo", tasks=[kept.arn], protectionEnabled=True)
    (told,) = done["protectedTasks"]
    assert (told["taskArn"], told["protectionEnabled"]) == (kept.arn, True)
    assert demo.get_task_protection(cluster="demo", tasks=[kept.id])["protectedTasks"] == [told]
    change(demo, desiredCount=0)
    machine.turn(3)
    assert [task.id for task in machine.living()] == [kept.id]
    machine.turn(seconds=7300)
    machine.turn()
    assert machine.living() == []


def test_what_can_not_be_protected(demo: Any) -> None:
    (alone,) = demo.run_task(cluster="demo", taskDefinition="web:1")["tasks"]
    done = demo.update_task_protection(
        cluster="demo", tasks=[alone["taskArn"], "none"], protectionEnabled=True
    )
    reasons = [each["reason"] for each in done["failures"]]
    assert (done["protectedTasks"], reasons) == ([], ["TASK_NOT_VALID", "MISSING"])
    with pytest.raises(ClientError) as failed:
        demo.update_task_protection(
            cluster="demo", tasks=["none"], protectionEnabled=True, expiresInMinutes=3000
        )
    assert error(failed)[0] == "InvalidParameterException"
