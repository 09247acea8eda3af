"""A Prometheus with the rules that are deployed, which asks a stack of ours once a second or more often."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from livestream_local.ports import free_ports
from livestream_local.program import Launch
from livestream_local.servers.probe import PROBE_TIMEOUT_S
from tests.support.exposed_metrics import PROMETHEUS as DEPLOYED
from tests.support.supervised import Supervised

NAME = "prometheus"
EVERY = "500ms"


class Prometheus:
    """As a program, with its data in a folder. `targets`: job → where its processes are, as host:port."""

    name = NAME

    def __init__(self, program: Path, targets: Mapping[str, list[str]], data: Path) -> None:
        self._program = program
        self._targets = targets
        self._data = data
        self._port = free_ports().web
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def ports(self) -> Mapping[str, int]:
        return {"http": self._port}

    def prepare(self) -> Launch:
        configuration = self._configure()
        options = {"config.file": configuration, "storage.tsdb.path": self._data / "tsdb", "log.level": "warn"}
        listen = f"--web.listen-address=127.0.0.1:{self._port}"
        return Launch([self._program, *(f"--{name}={value}" for name, value in options.items()), listen])

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)) as session,
                session.get(f"{self.url}/-/ready") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _configure(self) -> Path:
        """As it is deployed, but for where processes are found and how often everything is done."""
        deployed = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
        assert {job["job_name"] for job in deployed["scrape_configs"]} == self._targets.keys()
        jobs = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in self._targets.items()]
        rules = [self._hurried(DEPLOYED / name) for name in deployed["rule_files"]]
        often = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
        path = self._data / "prometheus.yml"
        path.write_text(yaml.safe_dump({"global": often, "rule_files": rules, "scrape_configs": jobs}))
        return path

    def _hurried(self, rules: Path) -> str:
        """A copy without intervals of its own."""
        content = yaml.safe_load(rules.read_text())
        for group in content["groups"]:
            group.pop("interval", None)
        copy = self._data / rules.name
        copy.write_text(yaml.safe_dump(content))
        return str(copy)


class Metrics:
    """Questions to it. They fail where it answers anything but success."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def series(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each, now."""
        answer = await self._ask("query", query=query)
        assert answer["resultType"] == "vector", query
        return [(each["metric"], float(each["value"][1])) for each in answer["result"]]

    async def rules(self) -> list[dict[str, Any]]:
        """All that are evaluated, with how that goes."""
        answer = await self._ask("rules")
        return [rule for group in answer["groups"] for rule in group["rules"]]

    async def _ask(self, what: str, **parameters: str) -> Any:
        async with self._session.get(f"{self._url}/api/v1/{what}", params=parameters) as response:
            answer = json.loads(await response.text())
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]


@contextmanager
def prometheus(program: Path, targets: Mapping[str, list[str]], data: Path) -> Iterator[str]:
    """Runs meanwhile; gives its URL."""
    running = Prometheus(program, targets, data)
    with Supervised([[running]], data / "logs"):
        yield running.url
