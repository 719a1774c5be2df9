"""A control: the pipeline with one step renamed. From a savepoint it must not start."""

import apache_beam as beam

from pipeline import graph, main
from transforms.deduplicate import Deduplicate


class Renamed(Deduplicate):
    """Deduplicate, with a label more above the step that remembers."""

    def expand(self, transactions: beam.PCollection) -> Deduplicate.Outputs:
        """Returns what Deduplicate returns."""
        outputs: Deduplicate.Outputs = transactions | "Renamed" >> Deduplicate(
            self._policy, self._shards, self._state
        )
        return outputs


if __name__ == "__main__":
    graph.Deduplicate = Renamed  # type: ignore[attr-defined, misc]
    main.end(main.main())
