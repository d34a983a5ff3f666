"""``python -m pliant``: the command line, where the script ``pliant`` is not on the path."""

from __future__ import annotations

from pliant.cli.main import main

if __name__ == "__main__":
    main()
