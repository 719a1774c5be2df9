"""A control: the pipeline with one state renamed. From a savepoint it must not start."""

from pipeline import main
from transforms.sharded_dedup import KeepFirstOfShard

KeepFirstOfShard.CATALOGUE.name = "catalogue"

if __name__ == "__main__":
    main.end(main.main())
