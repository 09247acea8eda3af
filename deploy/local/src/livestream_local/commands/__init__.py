"""The commands of `./live`: one module each, found by `livestream_local.cli`."""
