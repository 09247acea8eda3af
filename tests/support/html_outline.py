"""What a browser's parser makes of a page: which elements with which attributes, and where each text stands."""

from html.parser import HTMLParser
from typing import NamedTuple

_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


class Element(NamedTuple):
    """An element's name and the names of its attributes, and the names of the elements around it."""

    path: tuple[str, ...]
    attributes: frozenset[str]


class Outline(HTMLParser):
    """`elements`: each kind once. `texts`: what stands in an element, with its path. `values`: of every attribute."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[Element] = set()
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.values: list[tuple[str, str]] = []
        self._path: list[str] = []
        self.feed(page)
        self.close()
        assert not self._path, f"these elements do not end: {self._path}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(Element((*self._path, tag), frozenset(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._path.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._path.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._path, f"</{tag}> ends nothing"
        assert self._path[-1] == tag, f"</{tag}> ends a <{self._path[-1]}>"
        self._path.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._path), data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def under(self, *path_end: str) -> list[str]:
        """The texts that stand in elements whose path ends so."""
        return [text for path, text in self.texts if path[-len(path_end) :] == path_end]

    def values_of(self, attribute: str) -> list[str]:
        return [value for name, value in self.values if name == attribute]
