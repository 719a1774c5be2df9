"""Steps take and give lists: these stand between them and a test that thinks in elements."""

from __future__ import annotations

from typing import Any

import apache_beam as beam


class InLists(beam.PTransform):
    """Puts each element into a list of its own."""

    def expand(self, elements: beam.PCollection[Any]) -> beam.PCollection[Any]:
        return elements | beam.Map(lambda element: [element])


class Each(beam.PTransform):
    """Takes the elements out of their lists."""

    def expand(self, lists: beam.PCollection[Any]) -> beam.PCollection[Any]:
        return lists | beam.FlatMap(lambda elements: elements)
