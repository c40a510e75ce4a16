"""``python -m wfo`` is ``wfo``."""

from wfo.cli import main

if __name__ == "__main__":
    main()
