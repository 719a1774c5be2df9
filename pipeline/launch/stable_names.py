"""Gives state the same name in every version, so that the next one finds what this one kept.

Flink gives a savepoint's state to the operator of the same name, and refuses to start when there is
none. Beam names a stage by the collection that it reads, keeps timers under the id of their
transform, and state under its own name within the stage. Two of these are not what they should be
(docs/decisions/0011):

- Ids of transforms are numbered through the graph. One step more, and every timer of the savepoint
  belongs to a transform that is not there: the job fails when the first is due, again and again.
- A state that is not found within a stage is simply empty: renamed, it would be lost in silence.

So ids become names, and a stage is also named by what it keeps: a renamed state is then another
operator, and Flink refuses to start.
"""

from __future__ import annotations

from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

_PAR_DO = common_urns.primitives.PAR_DO.urn


def stabilize(pipeline: beam_runner_api_pb2.Pipeline) -> None:
    """Makes the names under which state and timers are kept depend on the labels of steps alone."""
    _name_stages_by_what_they_keep(pipeline.components)
    _use_names_as_ids(pipeline)


def _name_stages_by_what_they_keep(components: beam_runner_api_pb2.Components) -> None:
    for transform in components.transforms.values():
        if transform.spec.urn != _PAR_DO:
            continue
        step = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        kept = sorted({*step.state_specs, *step.timer_family_specs})
        if kept:
            [read] = transform.inputs.keys() - step.side_inputs.keys()
            collection = components.pcollections[transform.inputs[read]]
            collection.unique_name += f" keeping {','.join(kept)}"


def _use_names_as_ids(pipeline: beam_runner_api_pb2.Pipeline) -> None:
    transforms = pipeline.components.transforms
    name_of = {number: transform.unique_name for number, transform in transforms.items()}
    by_name = {}
    for transform in transforms.values():
        named = beam_runner_api_pb2.PTransform()
        named.CopyFrom(transform)
        named.subtransforms[:] = [name_of[number] for number in transform.subtransforms]
        by_name[named.unique_name] = named
    assert len(by_name) == len(transforms), "Beam gives every transform a name of its own"
    roots = [name_of[number] for number in pipeline.root_transform_ids]
    transforms.clear()
    for name, named in by_name.items():
        transforms[name].CopyFrom(named)
    pipeline.root_transform_ids[:] = roots
