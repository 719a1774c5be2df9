"""Entry point of `python -m pipeline`."""

from pipeline import main

if __name__ == "__main__":
    main.end(main.main())
