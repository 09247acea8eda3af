"""`./live keys`: the API keys of upstream systems."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from livestream import times
from livestream.api_keys import KeyRing, KeysError, change_keys, read_keys
from livestream_local.errors import LauncherError
from livestream_local.file_lock import held
from livestream_local.paths import DEFAULT_DATA

_FILE_NAME = "keys.json"


def _takes_file(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=DEFAULT_DATA / _FILE_NAME,
        show_default=f".live/data/{_FILE_NAME}",
        help="The file of keys, which ingest reads as API_KEYS_FILE.",
    )(function)


@click.group()
def command() -> None:
    """Make, list and take away the keys by which upstream systems write.

    Ingest notices within a second. To rotate a key, create another with the same owner, and revoke the old one when
    nobody uses it any more.
    """


@command.command()
@click.argument("owner")
@click.option(
    "--channel", "channels", multiple=True, metavar="NAME", help="It may write this one; `irc-*`: all that begin so."
)
@click.option("--rate", "per_second", type=click.FloatRange(min=0), default=0.0, help="Items a second; 0: no limit.")
@click.option("--expires", type=click.DateTime(), help="In UTC.")
@_takes_file
def create(owner: str, channels: Sequence[str], per_second: float, expires: datetime | None, file: Path) -> None:
    """Make a key for OWNER, and show it: this once, since only its digest is kept.

    Without --channel it may write all channels, and delete users.
    """
    expires_ms = times.to_ms(expires.replace(tzinfo=UTC)) if expires else None
    made: list[str] = []

    def add(ring: KeyRing) -> KeyRing:
        with_new, key = ring.with_new(owner, channels or ("*",), per_second, expires_ms)
        made.append(key)
        return with_new

    _change(file, add)
    click.echo(made[0])


@command.command("list")
@_takes_file
def list_keys(file: Path) -> None:
    """Show who may write what. The keys themselves are not known any more."""
    try:
        keys = read_keys(file).keys
    except FileNotFoundError:
        raise LauncherError(f"there is no {file} yet: `./live keys create OWNER` makes it") from None
    except KeysError as error:
        raise LauncherError(str(error)) from None
    table = Table("id", "owner", "channels", "a second", "created", "expires")
    now_ms = times.now_ms()
    for key in keys:
        expires = "never" if key.expires_ms is None else times.format_ms(key.expires_ms)
        table.add_row(
            key.id,
            repr(key.owner)[1:-1],
            repr(", ".join(key.channels))[1:-1],
            f"{key.per_second:g}" if key.per_second else "no limit",
            times.format_ms(key.created_ms),
            f"{expires} (expired)" if key.is_expired(now_ms) else expires,
        )
    Console(highlight=False).print(table)


@command.command()
@click.argument("id_", metavar="ID")
@_takes_file
def revoke(id_: str, file: Path) -> None:
    """Take a key away: what comes with it is refused from the next second on."""
    _change(file, lambda ring: ring.without(id_))


def _change(file: Path, change: Callable[[KeyRing], KeyRing]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with held(file.with_suffix(".lock")):
            change_keys(file, change)
    except KeysError as error:
        raise LauncherError(str(error)) from None
