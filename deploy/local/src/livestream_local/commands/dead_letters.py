"""`./live dead-letters`: what could not be folded, and sending it again."""

import asyncio
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from livestream.fold import Coordinates
from livestream.letters import REASONS, read_coordinates
from livestream_local.dead_letters.planning import Left
from livestream_local.dead_letters.replay import replaying
from livestream_local.dead_letters.report import LetterTable, describe_counts, describe_outcome
from livestream_local.dead_letters.selection import edits_last, select
from livestream_local.dead_letters.shown import as_json
from livestream_local.dead_letters.topic import DeadLetterTopic, Entry
from livestream_local.options import finds_stack
from livestream_local.stack import Stack, find_stack

LEFT_STATUS: Final = 1

_TABLE_ROWS: Final = 50
# A file has no width; this one leaves records and reasons in one piece.
_WIDTH_WITHOUT_TERMINAL: Final = 160


class _ListedByDefault(click.Group):
    """Without a subcommand it lists, options included."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = args[:1] and args[0] in self.get_help_option_names(ctx)
        if not args or (args[0].startswith("-") and not asks_for_help):
            args = ["list", *args]
        return super().parse_args(ctx, args)


class _Record(click.ParamType[Coordinates]):
    name = "record"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Coordinates:
        coordinates = value if isinstance(value, Coordinates) else read_coordinates(value)
        if coordinates is None:
            self.fail(f"{value!r} is not TOPIC/PARTITION/OFFSET, such as messages.v1/3/17.", param, ctx)
        return coordinates


_REASON = click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(REASONS),
    metavar="R",
    help=f"Only those with this reason; may be given several times. There are {', '.join(REASONS)}.",
)


@click.group(cls=_ListedByDefault)
def command() -> None:
    """Show the records that could not be folded (list, the default), or send them again (replay)."""


@command.command(name="list")
@_REASON
@click.option("--json", "as_lines", is_flag=True, help="One JSON object a line, with the whole record.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the newest N. The table shows {_TABLE_ROWS} if not told; --json, all.",
)
@finds_stack
def list_command(
    reasons: tuple[str, ...], limit: int | None, port_base: int | None, data: Path, *, as_lines: bool
) -> None:
    """Show what could not be read or folded, oldest first: where it lay, why, and how it begins."""
    stack = find_stack(port_base, data)
    asyncio.run(_print_lines(stack, reasons, limit) if as_lines else _print_table(stack, reasons, limit or _TABLE_ROWS))


@command.command()
@click.argument("records", nargs=-1, type=_Record(), metavar="[TOPIC/PARTITION/OFFSET]...")
@_REASON
@click.option("--dry-run", is_flag=True, help="Only say what would become of each.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--force", is_flag=True, help="Also send what would become a dead letter again, as far as can be told.")
@finds_stack
def replay(
    records: tuple[Coordinates, ...],
    reasons: tuple[str, ...],
    port_base: int | None,
    data: Path,
    *,
    dry_run: bool,
    yes: bool,
    force: bool,
) -> None:
    """Send records again as they were, all or those named, each to where it belongs.

    What was sent is listed no more; what still could not be folded is left, and said why. Sending something twice
    changes nothing. Exits with status 0, or 1 if anything was left.
    """
    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("Nobody is there to be asked: give --yes or --dry-run.")
    stack = find_stack(port_base, data)
    entries = asyncio.run(_selected(stack, reasons, records))
    click.echo(f"To replay: {describe_counts(entries)}.")
    if not entries:
        return
    if not (dry_run or yes):
        click.confirm("Send them again?", abort=True)
    sys.exit(asyncio.run(_replay(stack, entries, dry_run=dry_run, force=force)))


async def _print_table(stack: Stack, reasons: Collection[str], limit: int) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_WITHOUT_TERMINAL)
    async with DeadLetterTopic(stack.kafka_bootstrap_servers) as topic:
        standing = await topic.standing()
        chosen = select(standing, reasons, ())
        table = LetterTable()
        async for letter in topic.letters(chosen[-limit:]):
            table.add(letter)
    if chosen:
        table.print(console)
    if len(chosen) > limit:
        click.echo(f"Shown: the newest {limit:,} of {len(chosen):,}.")
    click.echo(f"{describe_counts(standing).capitalize()}.")
    if topic.foreign:
        click.echo(f"Beside them, {topic.foreign:,} records that the projector did not write.")


async def _print_lines(stack: Stack, reasons: Collection[str], limit: int | None) -> None:
    async with DeadLetterTopic(stack.kafka_bootstrap_servers) as topic:
        chosen = select(await topic.standing(), reasons, ())
        async for letter in topic.letters(chosen[-limit:] if limit else chosen):
            click.echo(as_json(letter))


async def _selected(stack: Stack, reasons: Collection[str], records: Collection[Coordinates]) -> list[Entry]:
    async with DeadLetterTopic(stack.kafka_bootstrap_servers) as topic:
        return select(await topic.standing(), reasons, records)


async def _replay(stack: Stack, entries: Sequence[Entry], *, dry_run: bool, force: bool) -> int:
    outcomes: Counter[str] = Counter()
    async with (
        DeadLetterTopic(stack.kafka_bootstrap_servers) as topic,
        replaying(stack, force=force) as replayer,
    ):
        for part in edits_last(entries):
            letters = topic.letters(part)
            async for outcome in replayer.plan(letters) if dry_run else replayer.replay(letters):
                click.echo(describe_outcome(outcome))
                outcomes["left" if isinstance(outcome, Left) else "replayed"] += 1
    done = "Would be replayed" if dry_run else "Replayed"
    click.echo(f"{done}: {outcomes['replayed']:,}; left: {outcomes['left']:,}.")
    return LEFT_STATUS if outcomes["left"] else 0
