"""The watchdog: whom does it kill, and whom does it leave alone?"""

from sandbox.watchdog import Watchdog


def test_only_the_task_manager_that_waits_too_long_is_killed() -> None:
    waiting = {"taskmanager-1": 61.0, "taskmanager-2": 59.0}

    assert Watchdog(60).judge(waiting, all_running=False) == {"taskmanager-1"}


def test_patience_doubles_until_the_job_runs() -> None:
    watchdog = Watchdog(60)
    watchdog.judge({"taskmanager-1": 61.0}, all_running=False)

    assert not watchdog.judge({"taskmanager-1": 119.0}, all_running=False)
    assert watchdog.judge({"taskmanager-1": 121.0}, all_running=False)
    assert not watchdog.judge({"taskmanager-1": 239.0}, all_running=False)

    watchdog.judge({}, all_running=True)
    assert watchdog.judge({"taskmanager-1": 61.0}, all_running=False)
