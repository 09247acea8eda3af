"""deploy/kubernetes agrees with the code, with docker-compose.yml and with deploy/prometheus."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from livestream.events import MESSAGES_TOPIC
from livestream.service import SHUTDOWN_SECONDS
from livestream.settings import Environment
from livestream.topics import TopicSettings
from livestream_gateway.metrics import OPEN_STREAMS
from livestream_local.dashboards.alert_rules import RULE_FILES
from livestream_local.servers.kafka import MAX_RECORD_BATCH_BYTES
from livestream_projector.settings import Settings as ProjectorSettings

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy/kubernetes"
NAMESPACE = "livestream"
# Where a manifest says nothing.
KUBERNETES_GRACE_SECONDS = 30
# What a Secret holds.
DATABASE_URL = "postgresql://livestream:secret@postgres-rw.livestream:5432/livestream"


def resources(*folders: str) -> Iterator[Any]:
    for folder in folders:
        for path in sorted((MANIFESTS / folder).glob("*.yaml")):
            yield from yaml.safe_load_all(path.read_text("utf-8"))


def named(kind: str, name: str, *folders: str) -> Any:
    [found] = [each for each in resources(*folders) if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def assignments(name: str) -> dict[str, str]:
    lines = (MANIFESTS / name).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Asked(dict[str, str]):
    """Notes which variables somebody asks for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


SHARED = assignments("base/settings.env")
DEPLOYMENTS = {each["metadata"]["name"]: each for each in resources("base") if each["kind"] == "Deployment"}
EVERY_SERVICE = DEPLOYMENTS.pop("every-service")
each_service = pytest.mark.parametrize("name", DEPLOYMENTS)


def pod(name: str) -> Any:
    return DEPLOYMENTS[name]["spec"]["template"]["spec"]


def container(name: str) -> Any:
    [only] = pod(name)["containers"]
    return only


def own_variables(name: str) -> dict[str, str]:
    return {each["name"]: each.get("value", DATABASE_URL) for each in container(name)["env"]}


def settings_module(name: str) -> Any:
    return import_module(f"{container(name)['args'][0]}.settings")


def asked_for(name: str) -> set[str]:
    asked = Asked(SHARED | own_variables(name))
    # Raises where a value is wrong.
    settings_module(name).Settings.read(Environment(asked))
    return asked.names


def test_all_services_are_there() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert {name: container(name)["args"] for name in DEPLOYMENTS} == {
        name: service["command"] for name, service in compose.items() if "build" in service
    }


@each_service
def test_variables_are_settings_of_the_service(name: str) -> None:
    asked = asked_for(name)
    assert set(own_variables(name)) <= asked
    assert ("DATABASE_URL" in asked) == ("DATABASE_URL" in own_variables(name))


def test_shared_variables_are_settings_of_somebody() -> None:
    prod = yaml.safe_load((MANIFESTS / "overlays/prod/kustomization.yaml").read_text("utf-8"))
    [generator] = prod["configMapGenerator"]
    shared = {*SHARED, *(each.split("=")[0] for each in generator["literals"])}
    assert shared <= set[str]().union(*map(asked_for, DEPLOYMENTS))


@each_service
def test_ports_are_those_of_the_code(name: str) -> None:
    [port] = container(name)["ports"]
    assert port == {"name": "http", "containerPort": settings_module(name).DEFAULT_PORT}
    assert own_variables(name)["PORT"] == str(port["containerPort"])
    for service in resources("base"):
        if service["kind"] == "Service" and service["spec"]["selector"]["app.kubernetes.io/name"] == name:
            assert service["metadata"]["name"] == name
            assert service["spec"]["ports"][0]["port"] == port["containerPort"]


def test_the_entrance_leads_where_the_proxy_does() -> None:
    streams, pages = named("HTTPRoute", "livestream", "base")["spec"]["rules"]
    assert streams["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1/streams"}}]
    assert streams["timeouts"] == {"request": "0s", "backendRequest": "0s"}
    assert "@streams path /v1/streams /v1/streams/*" in (ROOT / "deploy/caddy/Caddyfile").read_text("utf-8")
    for rule, name in ((streams, "stream-gateway"), (pages, "web")):
        assert rule["backendRefs"] == [{"name": name, "port": settings_module(name).DEFAULT_PORT}]
    assert own_variables("web")["STREAM_URL"] == "/"


@each_service
def test_a_pod_has_time_to_end(name: str) -> None:
    before = container(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = float(own_variables(name).get("DRAIN_SECONDS", 0))
    given = pod(name).get("terminationGracePeriodSeconds", KUBERNETES_GRACE_SECONDS)
    assert given > before + drain + SHUTDOWN_SECONDS + 1


@each_service
def test_what_holds_for_all_overwrites_nothing(name: str) -> None:
    for_all = EVERY_SERVICE["spec"]["template"]["spec"]
    [container_for_all] = for_all["containers"]
    assert set(for_all) & set(pod(name)) == {"containers"}
    assert set(container_for_all) & set(container(name)) == {"name"}


def test_projectors_are_scaled_by_what_they_read() -> None:
    spec = named("ScaledObject", "projector", "components/keda")["spec"]
    [trigger] = spec["triggers"]
    server, port = SHARED["KAFKA_BOOTSTRAP_SERVERS"].split(":")
    assert trigger["metadata"]["bootstrapServers"] == f"{server}.{NAMESPACE}.svc:{port}"
    assert trigger["metadata"]["consumerGroup"] == ProjectorSettings.read(Environment({})).group
    assert trigger["metadata"]["topic"] == MESSAGES_TOPIC
    assert spec["maxReplicaCount"] == TopicSettings().partitions


def test_gateways_are_scaled_by_a_metric_that_they_have() -> None:
    [trigger] = named("ScaledObject", "stream-gateway", "components/keda")["spec"]["triggers"]
    [metric] = OPEN_STREAMS.describe()
    query = f'sum({metric.name}{{namespace="{NAMESPACE}", job="livestream-stream-gateway"}})'
    assert trigger["metadata"]["query"] == query


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_the_namespace_is_the_one_that_is_asked_about(overlay: str) -> None:
    assert yaml.safe_load((MANIFESTS / f"overlays/{overlay}/kustomization.yaml").read_text())["namespace"] == NAMESPACE
    assert named("Namespace", NAMESPACE, f"overlays/{overlay}")


def test_jobs_have_the_names_that_alerts_know() -> None:
    [endpoint] = named("PodMonitor", "livestream", "components/monitoring")["spec"]["podMetricsEndpoints"]
    [job] = endpoint["relabelings"]
    assert job["targetLabel"] == "job"
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    jobs = {each["job_name"] for each in prometheus["scrape_configs"]}
    assert {job["replacement"].replace("$1", name) for name in DEPLOYMENTS} == jobs


@pytest.mark.parametrize("rules", RULE_FILES)
def test_alerts_are_those_of_prometheus(rules: str) -> None:
    manifest = (MANIFESTS / "components/monitoring" / rules.replace(".yml", ".yaml")).read_text("utf-8")
    indented = re.sub(r"^(?=.)", "  ", (ROOT / "deploy/prometheus" / rules).read_text("utf-8"), flags=re.MULTILINE)
    assert manifest.partition("spec:\n")[2] == indented, "the head of alerts.yaml says how it is made anew"


def test_prometheus_looks_at_all_rules_that_there_are() -> None:
    named = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))["rule_files"]
    assert sorted(named) == sorted(RULE_FILES)


@pytest.mark.parametrize(
    ("variable", "policy", "label"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "services-reach-kafka", "strimzi.io/cluster"),
        ("DATABASE_URL", "services-reach-postgres-and-valkey", "cnpg.io/cluster"),
        ("REDIS_URL", "services-reach-postgres-and-valkey", "app.kubernetes.io/name"),
    ],
)
def test_who_is_told_of_a_server_may_reach_it(variable: str, policy: str, label: str) -> None:
    spec = named("NetworkPolicy", policy, "components/network-policy")["spec"]
    [chosen] = spec["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) == {name for name in DEPLOYMENTS if variable in asked_for(name)}
    targets = [peer["podSelector"]["matchLabels"] for rule in spec["egress"] for peer in rule["to"]]
    assert label in {key for target in targets for key in target}


def test_servers_are_set_up_as_elsewhere() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    config = named("Kafka", "livestream", "dependencies")["spec"]["kafka"]["config"]
    assert config["auto.create.topics.enable"] is False
    assert config["log.retention.ms"] == -1
    assert config["message.max.bytes"] == config["replica.fetch.max.bytes"] == MAX_RECORD_BATCH_BYTES
    [valkey] = named("StatefulSet", "valkey", "dependencies")["spec"]["template"]["spec"]["containers"]
    assert valkey["image"] == compose["valkey"]["image"]
    postgres = named("Cluster", "postgres", "dependencies")["spec"]
    major = re.compile(r"postgres(?:ql)?:(\d+)")
    assert major.findall(postgres["imageName"]) == major.findall(compose["postgres"]["image"])
    initdb = postgres["bootstrap"]["initdb"]
    assert compose["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split() == [
        f"--encoding={initdb['encoding']}",
        f"--locale={initdb['localeCollate']}",
        f"--locale-provider={initdb['localeProvider']}",
        f"--builtin-locale={initdb['builtinLocale']}",
    ]


def test_a_broker_that_fails_loses_nothing() -> None:
    pool = named("KafkaNodePool", "brokers", "overlays/prod")["spec"]
    config = named("Kafka", "livestream", "overlays/prod")["spec"]["kafka"]["config"]
    assert all(value == pool["replicas"] for name, value in config.items() if name.endswith("replication.factor"))
    assert config["min.insync.replicas"] == pool["replicas"] - 1
    prod = (MANIFESTS / "overlays/prod/kustomization.yaml").read_text("utf-8")
    assert f"KAFKA_REPLICATION_FACTOR={pool['replicas']}\n" in prod
