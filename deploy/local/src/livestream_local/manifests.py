"""Whether a cluster would take deploy/kubernetes: every folder built, every resource held against its schema."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from livestream_local import typed_resources
from livestream_local.custom_resources import Kind, problems, read_definitions
from livestream_local.errors import LauncherError
from livestream_local.on_demand import tool
from livestream_local.paths import ROOT

Resource = Mapping[str, Any]

MANIFESTS: Final = ROOT / "deploy/kubernetes"
_KUBERNETES_VERSION: Final = "1.37"
# The groups of Kubernetes itself that are in use. kubernetes-validate knows them, but takes any `apps.somewhere/v1` for
# its own, so everything else has to have a definition.
_OWN_GROUPS: Final = frozenset({"", "apps", "networking.k8s.io", "policy"})
# What typed_resources knows.
_TYPED_GROUPS: Final = frozenset({"kafka.strimzi.io"})
# Where the modules that schemas/go.sum locks keep their definitions.
_DEFINITIONS: Final = {
    "github.com/cloudnative-pg/cloudnative-pg": "config/crd/bases",
    "github.com/kedacore/keda/v2": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd",
    "sigs.k8s.io/gateway-api": "config/crd/standard",
}


def manifest_problem() -> str | None:
    """What is wrong, or None. Raises LauncherError where what it takes to know cannot be had here."""
    kustomize, validator, files = tool("kustomize"), tool("kubernetes-validate"), definition_files()
    built = [build(kustomize, path.parent) for path in sorted(MANIFESTS.glob("**/kustomization.yaml"))]
    found = [answer for answer in built if isinstance(answer, str)]
    found += refusals([each for answer in built if not isinstance(answer, str) for each in answer], files, validator)
    # What is wrong in base is wrong in every overlay.
    return "\n".join(dict.fromkeys(found)) or None


def build(kustomize: Path, folder: Path) -> list[Resource] | str:
    """All resources of a folder that has a kustomization, or what kustomize complains of."""
    done = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{folder.relative_to(MANIFESTS)}: {done.stderr.strip()}"
    return list(yaml.safe_load_all(done.stdout))


def refusals(resources: Iterable[Resource], definitions: Iterable[Path], validator: Path) -> list[str]:
    """What is wrong with each, told once of those that are alike."""
    distinct = {json.dumps(each, sort_keys=True): each for each in resources}.values()
    own = [each for each in distinct if Kind.of(each).group in _OWN_GROUPS]
    typed = [each for each in distinct if Kind.of(each).group in _TYPED_GROUPS]
    defined = [each for each in distinct if Kind.of(each).group not in _OWN_GROUPS | _TYPED_GROUPS]
    return [
        *_refusals_of_defined(defined, definitions),
        *typed_resources.problems(typed),
        *_refusals_of_own(own, validator),
    ]


def _refusals_of_defined(resources: Sequence[Resource], definitions: Iterable[Path]) -> Iterator[str]:
    schemas = read_definitions(definitions, map(Kind.of, resources))
    for resource in resources:
        kind = Kind.of(resource)
        name = f"{kind.name} {resource['metadata']['name']}"
        if kind in schemas:
            yield from (f"{name}: {problem}" for problem in problems(resource, schemas[kind]))
        else:
            yield f"{name}: no definition is known of {kind.name} of {kind.api_version}"


def _refusals_of_own(resources: Iterable[Resource], validator: Path) -> Iterator[str]:
    """It says a line of each that is wrong, and of each kind that it does not know."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "resources"
        file.write_text(yaml.safe_dump_all(resources))
        options = ("--strict", "--quiet", "--kubernetes-version", _KUBERNETES_VERSION)
        done = subprocess.run([validator, *options, file], capture_output=True, text=True, check=False)
    yield from (line.replace(f"{file} ", "") for line in (done.stdout + done.stderr).splitlines())
    if done.returncode != 0 and not done.stdout + done.stderr:
        yield f"kubernetes-validate ended with status {done.returncode}"


def definition_files() -> list[Path]:
    """Go compares what it downloads with go.sum, where that has it: so that has to have it."""
    schemas = MANIFESTS / "schemas"
    command = ["go", "mod", "download", "-json"]
    try:
        done = subprocess.run(command, cwd=schemas, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LauncherError("install Go") from None
    if done.returncode != 0:
        raise LauncherError(f"{' '.join(command)} failed:\n{done.stderr}{done.stdout}")
    locked = (schemas / "go.sum").read_text().splitlines()
    modules = list(_json_values(done.stdout))
    for module in modules:
        if f"{module['Path']} {module['Version']} {module['Sum']}" not in locked:
            raise LauncherError(f"{module['Path']} {module['Version']} is not in {schemas / 'go.sum'}")
    folders = (Path(module["Dir"]) / _DEFINITIONS[module["Path"]] for module in modules)
    return [path for folder in folders for path in sorted(folder.glob("*.yaml"))]


def _json_values(text: str) -> Iterator[dict[str, str]]:
    """One after the other, as Go writes them."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()
