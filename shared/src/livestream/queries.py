"""Query parameters as they were sent. Pure."""

from urllib.parse import unquote_plus, unquote_to_bytes


def parameter_values(raw_query: str, parameter: str) -> list[str]:
    """All values of a parameter, in order. Raises ValueError where one is not UTF-8.

    aiohttp's own decoding puts U+FFFD there, so that another name than the one that was sent would be looked for.
    """
    pairs = (pair.partition("=") for pair in raw_query.split("&"))
    values = (value for name, _, value in pairs if unquote_plus(name) == parameter)
    try:
        return [unquote_to_bytes(value.replace("+", " ")).decode() for value in values]
    except UnicodeError:
        raise ValueError("must be UTF-8, percent-encoded") from None
