"""A control for the crash tests: the pipeline with a flush that does not wait for checkpoints."""

from pipeline import main
from pipeline.program import Program

if __name__ == "__main__":
    main.end(main.main(program=Program(hold=lambda pipeline: [])))
