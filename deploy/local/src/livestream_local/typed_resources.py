"""Custom resources whose definitions no registry has, compiled against types that were generated from them.

TypeScript refuses unknown fields of what is written out, wrong types and wrong values. Of patterns and bounds it knows
nothing.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from livestream_local.on_demand import tool

_PACKAGE: Final = "@kubernetes-models/strimzi-kafka-operator"
_OPTIONS: Final = ("--noEmit", "--strict", "--skipLibCheck", "--pretty", "false", "--module", "nodenext")
# It writes out the whole type that something is not, some thousand characters.
_LONGEST_MESSAGE: Final = 200
_ERROR: Final = re.compile(r"(?:.*/)?(\d+)\.ts\((\d+),\d+\): error \w+: (.*)")


def problems(resources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with each, with its line. Raises LauncherError where the compiler cannot be had here."""
    if not resources:
        return
    compiler = tool("tsc")
    sources = [_source(each) for each in resources]
    # Beside the packages, since that is where modules are looked for.
    with TemporaryDirectory(dir=compiler.parents[2]) as folder:
        files = [Path(folder) / f"{number}.ts" for number in range(len(sources))]
        for file, source in zip(files, sources, strict=True):
            file.write_text(source, encoding="utf-8")
        done = subprocess.run([compiler, *_OPTIONS, *files], capture_output=True, text=True, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        if found := _ERROR.fullmatch(line):
            number, place = int(found[1]), int(found[2])
            resource = resources[number]
            at = sources[number].splitlines()[place - 1].strip().rstrip(",;")
            yield f"{resource['kind']} {resource['metadata']['name']}: {at}: {found[3][:_LONGEST_MESSAGE]}"
        else:
            yield line
    if done.returncode != 0 and not done.stdout + done.stderr:
        yield f"tsc ended with status {done.returncode}"


def _source(resource: Mapping[str, Any]) -> str:
    module = f"{_PACKAGE}/{resource['apiVersion']}/{resource['kind']}"
    kind = f"I{resource['kind']}"
    written_out = json.dumps(resource, indent=1)
    return f'import type {{ {kind} }} from "{module}";\nexport const resource: {kind} = {written_out};\n'
