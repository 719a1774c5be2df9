"""No diagram names a step, a table or an outcome that is not there.

That each can be drawn is tested in tests/browser/test_diagrams.py.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import transforms
from operations.alerts.catalogue import ALERTS, WATCHDOG
from operations.rollout.views import SERVING
from tests.support import diagrams
from tests.support.diagrams import Diagram
from tests.support.prose import Repository
from transforms.payment.outcome import Outcome
from transforms.payment.tables import ALL_TABLES

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = Repository(ROOT)
DIAGRAMS = diagrams.all_of(ROOT)
TABLES = {table.name for table in ALL_TABLES}
OUTCOMES = {outcome.value for outcome in Outcome}
# Names of others, which no class of ours has.
OTHERS = {
    "BigQuery",
    "FlinkRunner",
    "JobManager",
    "LogAppendTime",
    "TaskManager",
    "TaskManagers",
    "ZooKeeper",
}
STORES = {SERVING, "BigQuery", "Kafka"}
# Outputs of steps that no table is called by.
WORDS = {"on_time"}


def classes() -> set[str]:
    """Returns the classes of the job: the steps and their parts."""
    trees = (
        ast.parse(text)
        for path, text in REPOSITORY.texts(".py")
        if path.startswith(("transforms/", "pipeline/"))
    )
    return {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }


STEPS = {*classes(), *OTHERS, *ALERTS, WATCHDOG}
NAMES = {
    *TABLES,
    *OUTCOMES,
    *WORDS,
    *(column for table in ALL_TABLES for column in table.column_names),
    *(Path(path).parent.name for path in REPOSITORY.paths if path.endswith("view.sql")),
}


def wrong(diagram: Diagram) -> list[str]:
    return [
        *diagram.unknown(STEPS, NAMES),
        *sorted(diagram.stores() - TABLES - STORES),
        *sorted(diagram.outcomes() - OUTCOMES),
    ]


def test_steps_are_classes() -> None:
    assert set(transforms.__all__) <= STEPS


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda diagram: diagram.name)
def test_diagram_names_what_is_there(diagram: Diagram) -> None:
    assert wrong(diagram) == []


@pytest.mark.parametrize(
    "line",
    [
        "A --> CountPayments",
        "A -->|to rejected_payments| B",
        "A --> payments[(payments)]",
        'A --> B[("payments<br/>all of them")]',
        'A --> B["rejected<br/>its bytes are kept"]:::outcome',
        "A --> B([rejected]):::outcome",
    ],
)
def test_control_what_is_not_there_is_found(line: str) -> None:
    assert wrong(Diagram("page-1", f"flowchart LR\n  {line}\n"))


def test_control_what_is_there_is_not() -> None:
    text = (
        "flowchart LR\n  %% a CommentOfOurs\n  Kafka[(Kafka<br/>LogAppendTime)] --> SplitLate\n"
        '  SplitLate --> late["late<br/>too late"]:::outcome --> l[("late_transactions")]\n'
    )

    assert wrong(Diagram("page-1", text)) == []
    assert Diagram("page-1", text).outcomes() == {"late"}
    assert Diagram("page-1", text).stores() == {"Kafka", "late_transactions"}
