"""Where this checkout keeps what it makes: everything below `.live/`, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CACHE = ROOT / ".live/cache"
DEFAULT_DATA = ROOT / ".live/data"
