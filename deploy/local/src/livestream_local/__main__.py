"""`./live` ends here: `python -m livestream_local COMMAND`."""

from livestream_local.cli import main

if __name__ == "__main__":
    main()
