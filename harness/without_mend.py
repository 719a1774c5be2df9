"""The control of the crash tests: the pipeline with a flush that does not wait for checkpoints."""

from pipeline import main, runners

runners.hold_until_checkpoint = lambda pipeline: []

if __name__ == "__main__":
    main.end(main.main())
