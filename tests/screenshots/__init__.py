"""Screenshots of every page and state: `./live screenshots`."""
