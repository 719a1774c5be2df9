"""The names under which a savepoint keeps state: the same while the steps are called the same."""

import apache_beam as beam
from apache_beam.portability.api import beam_runner_api_pb2

from pipeline.launch.stable_names import stabilize
from transforms import BigQuerySink, WriteBigQuery
from transforms.payment.tables import SKIPPED_RECORDS, TABLES

PAR_DO = "beam:transform:pardo:v1"


def pipeline_with(*steps: str, numbered_from: int = 1, states: tuple[str, ...] = ()) -> object:
    """A root that holds steps, each reading what the one before put out; the last has state."""
    pipeline = beam_runner_api_pb2.Pipeline()
    components = pipeline.components
    ids = [f"ref_{numbered_from + n}" for n in range(len(steps))]
    components.transforms["root"].unique_name = "Root"
    components.transforms["root"].subtransforms.extend(ids)
    pipeline.root_transform_ids.append("root")
    for n, (number, step) in enumerate(zip(ids, steps, strict=True)):
        transform = components.transforms[number]
        transform.unique_name = step
        transform.spec.urn = PAR_DO
        payload = beam_runner_api_pb2.ParDoPayload()
        if step == steps[-1]:
            for state in states:
                payload.state_specs[state].bag_spec.element_coder_id = "bytes"
            payload.timer_family_specs["ts-forget"].timer_family_coder_id = "timer"
        transform.spec.payload = payload.SerializeToString()
        transform.inputs["None"] = f"pc{n}"
        transform.outputs["None"] = f"pc{n + 1}"
        components.pcollections[f"pc{n}"].unique_name = f"before {step}"
    stabilize(pipeline)
    return pipeline


def collections(pipeline: object) -> list[str]:
    return [each.unique_name for each in pipeline.components.pcollections.values()]


def test_ids_do_not_tell_how_many_steps_there_are() -> None:
    pipeline = pipeline_with("Read", "Deduplicate/KeepFirst", states=("ids",))
    another = pipeline_with("Read", "Deduplicate/KeepFirst", states=("ids",), numbered_from=7)

    assert set(pipeline.components.transforms) == {"Root", "Read", "Deduplicate/KeepFirst"}
    assert pipeline == another
    root = pipeline.components.transforms["Root"]
    assert list(root.subtransforms) == ["Read", "Deduplicate/KeepFirst"]
    assert list(pipeline.root_transform_ids) == ["Root"]


def test_stage_is_named_by_what_it_keeps() -> None:
    """So that Flink, which looks at stages only, refuses a savepoint with a state of other name."""
    pipeline = pipeline_with("Read", "KeepFirst", states=("ids", "catalogue"))
    renamed = pipeline_with("Read", "KeepFirst", states=("ids", "index"))

    assert "before KeepFirst keeping catalogue,ids,ts-forget" in collections(pipeline)
    assert "before KeepFirst keeping ids,index,ts-forget" in collections(renamed)
    assert "before Read" in collections(pipeline)


def kept_by_the_sink(tables: list[str]) -> set[tuple[str, str, str]]:
    """Returns what each stage of the sink that keeps something is known by."""
    root = beam.Pipeline()
    ends = {table: root | f"To {table}" >> beam.Create([[0]]) for table in tables}
    _ = ends | "Write" >> WriteBigQuery(BigQuerySink("project", "dataset"), (1, 2), "1")
    pipeline = root.to_runner_api()
    stabilize(pipeline)
    found = set()
    for name, transform in pipeline.components.transforms.items():
        if transform.spec.urn != PAR_DO:
            continue
        step = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        for state in step.state_specs:
            [read] = transform.inputs.values()
            collection = pipeline.components.pcollections[read]
            found.add((name, state, collection.unique_name))
    return found


def test_a_table_more_leaves_what_the_sink_keeps_where_it_is() -> None:
    """So that a savepoint of a version without skipped_records fits."""
    before = [table.name for table in TABLES if table is not SKIPPED_RECORDS]
    kept = kept_by_the_sink([table.name for table in TABLES])

    assert kept and kept == kept_by_the_sink(before)
