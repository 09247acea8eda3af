"""On a phone the head leaves the page to what it is about, whatever it has to say."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.looks import open_live

WIDTH_PX = 360
# Three lines of a control each, with what parts them.
MOST_HEIGHT_PX = 116
# WCAG 2.2, 2.5.8.
LEAST_TARGET_PX = 24
STATES = ["connecting", "live", "idle", "missing", "stale", "rebuilding", "reconnecting", "disconnected", "paused"]
# The page's own status line in a state, with the most that it can have to say there.
SHOW = """async (state) => {
    const live = document.querySelector("script[type=module]").src;
    const { StatusLine } = await import(new URL("status-line.js", live).href);
    new StatusLine().show(state, Date.UTC(2026, 9, 28, 23, 58, 58), { lag_ms: 9_900, rebuild_progress: 0.88 });
    const shown = [...document.querySelectorAll(".top :is(a, button)")].filter((each) => each.checkVisibility());
    return {
        height: document.querySelector(".top").offsetHeight,
        width: document.scrollingElement.scrollWidth,
        targets: shown.map((each) => [each.textContent, each.offsetWidth, each.offsetHeight]),
    };
}"""


@pytest.mark.parametrize("button", ["Pause", "Resume"])
def test_the_head_has_three_lines_at_most(page: Page, button: str) -> None:
    page.set_viewport_size({"width": WIDTH_PX, "height": 740})
    open_live(page, "/messages")
    if button == "Resume":
        page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Announce new messages").click()
    shown: dict[str, Any] = {state: page.evaluate(SHOW, state) for state in STATES}
    assert {state: head["height"] for state, head in shown.items() if head["height"] > MOST_HEIGHT_PX} == {}
    for state, head in shown.items():
        assert head["width"] == WIDTH_PX, state
        assert [target for target in head["targets"] if min(target[1:]) < LEAST_TARGET_PX] == [], state
    assert {"Livestream", "Home", "Users", "Refresh", button, "Announce"} <= {
        target[0] for target in shown["disconnected"]["targets"]
    }
