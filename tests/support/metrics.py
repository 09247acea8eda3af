"""What a service says of itself to Prometheus."""

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families


async def metric(session: ClientSession, url: str, name: str, **labels: str) -> float:
    """The sum of a metric over all labels but these, of the service at `url`; 0 where it has none."""
    async with session.get(f"{url}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
