"""`python -m livestream_local.chat --to URL`: plays generated chat to ingest until it is stopped."""

import asyncio
import signal
import sys
import time

import click

from livestream.logs import configure_logs, get_logger
from livestream_local.chat.generator import DEFAULT_RATE, generate
from livestream_local.chat.posting import play
from livestream_local.options import API_KEY_VARIABLE


@click.command()
@click.option("--to", "url", required=True, metavar="URL", help="Ingest's address.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_RATE,
    show_default=True,
    metavar="R",
    help="Messages a second, on average.",
)
@click.option("--key", envvar=API_KEY_VARIABLE, help="An API key, if ingest asks for one.")
@click.option("--seed", type=int, metavar="N", help="The same seed plays the same chat; by default each run differs.")
def main(url: str, rate: float, key: str | None, seed: int | None) -> None:
    """Play generated chat to ingest until SIGTERM or Ctrl-C."""
    configure_logs("chat", "json", "info")
    seed = time.time_ns() % 2**32 if seed is None else seed
    get_logger(__name__).info("chat_starting", to=url, rate=rate, seed=seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        asyncio.run(play(generate(seed, rate), url, key))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
