"""What a viewer without scripts sees of a page, and where its links lead."""

import re
from html import unescape

from tests.support.web import WebClient


def texts(page: str) -> list[str]:
    """What the page's messages say, from the top."""
    body = page.partition("<template>")[0]
    return [unescape(text) for text in re.findall(r'<p class="text" dir="auto">(.*?)</p>', body, re.DOTALL)]


def names(page: str) -> list[str]:
    body = page.partition('<tbody role="rowgroup">')[2].partition("</tbody>")[0]
    return [unescape(name) for name in re.findall(r'<tr role="row" data-name="(.*?)">', body)]


def link(page: str, label: str) -> str | None:
    found = re.search(rf'href="([^"]+)">{label}<', page)
    return unescape(found[1]) if found else None


async def all_pages(web: WebClient, path: str | None, label: str) -> list[str]:
    pages = []
    while path:
        answer = await web.get(path)
        assert answer.status == 200
        pages.append(answer.text)
        path = link(answer.text, label)
    return pages
