"""A list of messages by itself, and those who read it."""

from playwright.sync_api import Page

# A list beside the page's own, with `give(first, last)` as a frame of messages of these numbers.
FEED = """
    const { MessageFeed } = await load("message-feed.js");
    const element = document.querySelector("#messages").cloneNode(true);
    document.querySelector("main").prepend(element);
    element.querySelector(".messages").replaceChildren();
    const feed = new MessageFeed(element, () => {});
    const row = (n) => ({
        id: `${n}`, channel: "c", user: "u", text: `${n}`, offset: n, ts: new Date(n).toISOString() });
    const give = (first, last) => ({ messages: Array.from({ length: last - first + 1 }, (_, i) => row(first + i)) });
    const shown = () => [...element.querySelectorAll(".text")].map((node) => Number(node.textContent));
"""


def test_who_begins_to_read_while_a_burst_waits_to_be_drawn_keeps_what_is_on_the_screen(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 50));
        feed.render(false);
        feed.apply(give(51, 130), false);
        feed.render(true);
        const held = shown();
        feed.render(false);
        return [held, shown()];
    }}"""
    held, then = modules.evaluate(script)
    assert held == list(range(50, 0, -1))
    assert then == list(range(130, 80, -1))


def test_a_reader_s_list_that_a_snapshot_replaces_holds_the_snapshot(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 50));
        feed.render(false);
        element.querySelector(".user").focus();
        feed.replace(give(200, 249));
        feed.apply(give(250, 251), false);
        feed.render(false);
        return shown();
    }}"""
    assert modules.evaluate(script) == list(range(249, 199, -1))


def test_an_empty_list_can_be_paused(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 0));
        feed.render(true);
        feed.apply(give(1, 2), true);
        feed.render(true);
        const paused = shown();
        feed.render(false);
        return [paused, shown()];
    }}"""
    assert modules.evaluate(script) == [[], [2, 1]]


# 900 messages, most of them loaded before. `look(part)`: scroll so far down, as a share of the page, and draw.
LONG_FEED = f"""{FEED}
    const list = element.querySelector(".messages");
    feed.replace(give(851, 900));
    feed.shown.capacity = Infinity;
    feed.shown.append(give(1, 850).messages.toReversed(), false);
    feed.render(false);
    const rowOf = (n) => list.querySelector(`[data-id="${{n}}"]`);
    const topOf = (n) => rowOf(n).getBoundingClientRect().top - list.getBoundingClientRect().top;
    const look = (part) => {{
        scrollTo(0, part * document.scrollingElement.scrollHeight);
        feed.render(false);
    }};
    const onScreen = () => shown().filter((n) => {{
        const {{ top, bottom }} = rowOf(n).getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    }});
"""
MOST_ROWS = 300


def test_a_row_that_has_the_focus_stays_however_far_somebody_scrolls(modules: Page) -> None:
    """Beside what is looked at, and in its place."""
    script = f"""async () => {{{LONG_FEED}
        const link = rowOf(896).querySelector(".user");
        const place = topOf(896);
        link.focus({{ preventScroll: true }});
        return [0.3, 0.5, 0.9, 0].map((part) => {{
            look(part);
            return [link === document.activeElement && link.isConnected, topOf(896) - place, shown(), onScreen()];
        }});
    }}"""
    for part, (is_focused, moved, shown, on_screen) in zip((0.3, 0.5, 0.9, 0), modules.evaluate(script), strict=True):
        assert is_focused, part
        assert abs(moved) < 1, part
        assert 896 in shown
        assert len(shown) <= MOST_ROWS + 1
        assert on_screen == list(range(on_screen[0], on_screen[0] - len(on_screen), -1)), "a gap, or out of order"
        assert abs(on_screen[0] - 900 * (1 - part)) < 100


def test_text_that_is_selected_stays_selected(modules: Page) -> None:
    """In several rows too, with those between them."""
    script = f"""async () => {{{LONG_FEED}
        getSelection().setBaseAndExtent(rowOf(896).querySelector(".text"), 0, rowOf(890).querySelector(".text"), 1);
        const selected = getSelection().toString();
        return [selected, ...[0.5, 0.9].map((part) => {{
            look(part);
            return [getSelection().toString(), shown().length];
        }})];
    }}"""
    selected, *later = modules.evaluate(script)
    assert "896" in selected
    assert "890" in selected
    assert [text for text, _ in later] == [selected] * 2
    assert all(count <= MOST_ROWS + 7 for _, count in later)


def test_of_a_long_selection_both_ends_stay(modules: Page) -> None:
    """What lies between comes and goes as it is looked at, and is selected: the document does not grow without end."""
    script = f"""async () => {{{LONG_FEED}
        getSelection().setPosition(rowOf(896).querySelector(".text").firstChild, 0);
        getSelection().extend(rowOf(895).querySelector(".text").firstChild, 3);
        look(0.9);
        const [last] = onScreen();
        getSelection().extend(rowOf(last).querySelector(".text").firstChild, 1);
        return [last, ...[0.5, 0].map((part) => {{
            look(part);
            const {{ anchorNode, focusNode }} = getSelection();
            const isSelected = onScreen().map((n) => [n, getSelection().containsNode(rowOf(n))]);
            return [anchorNode.textContent, focusNode.textContent, shown().length, isSelected];
        }})];
    }}"""
    last, *later = modules.evaluate(script)
    for anchor, focus, count, on_screen in later:
        assert (anchor, focus) == ("896", str(last))
        assert count <= MOST_ROWS + 2
        assert all(is_selected == (last < number < 896) for number, is_selected in on_screen if number != 896)


def test_what_is_looked_at_stands_still_while_rows_leave_above_it(modules: Page) -> None:
    """Heights are fractions of a pixel: in hundreds of rows a rounded one adds up to a row."""
    script = f"""async () => {{{LONG_FEED}
        const moved = [];
        for (let y = 0; y < 30_000; y += 600) {{
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            const seen = onScreen().at(-1);
            const before = rowOf(seen).getBoundingClientRect().top;
            feed.render(false);
            moved.push(rowOf(seen).getBoundingClientRect().top - before);
        }}
        return [moved, rowOf(900) === null];
    }}"""
    moved, has_left = modules.evaluate(script)
    assert has_left
    assert max(abs(each) for each in moved) < 1


def test_the_line_of_the_last_visit_stands_in_its_place_only(modules: Page) -> None:
    """A row that stays beside those that are looked at is not the row above them."""
    seen = """() => localStorage.setItem("livestream.seen", JSON.stringify(
        [[location.pathname, { ts: new Date(400).toISOString(), channel: "c", offset: 400 }]]))"""
    modules.evaluate(seen)
    script = f"""async () => {{{LONG_FEED}
        rowOf(896).querySelector(".user").focus({{ preventScroll: true }});
        return [0.9, 0.55].map((part) => {{
            look(part);
            return list.querySelector(".divider")?.parentElement.dataset.id ?? null;
        }});
    }}"""
    assert modules.evaluate(script) == [None, "400"]
