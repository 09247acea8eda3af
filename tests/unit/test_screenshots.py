"""`./live screenshots` leaves no page and no state out."""

import re
from importlib import resources

from livestream.settings import Environment
from livestream_web.app import build_app
from livestream_web.settings import Settings
from tests.screenshots.scenes import EMPTY, PAGES, STATES

NOT_PAGES = re.compile(r"^/(api/|static/|openapi\.json|livez|readyz|metrics)")


def test_there_is_a_picture_of_every_state_that_a_page_can_be_in() -> None:
    script = resources.files("livestream_web").joinpath("static/status-line.js").read_text("utf-8")
    states = set(re.findall(r"^  (\w+): \(.*\) => ", script, re.MULTILINE))
    assert len(states) > 5
    assert states <= STATES.keys() | {scene.state for scene in (*EMPTY.values(), *PAGES.values())}


async def test_there_is_a_picture_of_every_page() -> None:
    """Within a loop: the application asks for the one that will run it."""
    app = build_app(Settings.read(Environment({})))
    routes = {resource.canonical for resource in app.router.resources()}
    paths = {path for path in routes if not NOT_PAGES.match(path)}
    taken = {scene.path.partition("?")[0].partition("#")[0] for scene in PAGES.values()}
    kinds = {re.sub(r"\{\w+\}", "{}", path) for path in taken}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in paths} <= kinds
