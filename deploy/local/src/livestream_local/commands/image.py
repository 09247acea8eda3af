"""`./live image`: the services' image as a file, built and tried here."""

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from livestream_local.console import ConsoleReport
from livestream_local.errors import LauncherError
from livestream_local.image.bill_of_materials import PLACE, differences
from livestream_local.image.buildah import Buildah, Image
from livestream_local.image.contents import unwanted
from livestream_local.image.python_base import CONTAINERFILE, python_base
from livestream_local.image.trial import try_out
from livestream_local.licences import image_packages
from livestream_local.paths import CACHE, ROOT

DEFAULT_OUT = ROOT / ".live/image"
NAME = "localhost/livestream"
# How pip and uv find a mirror, and which certificates they trust: what is set here is so in the build.
REGISTRY_SETTINGS = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST"),
)
CERTIFICATES = "SSL_CERT_FILE"
# A base with a compiler in it has hundreds of them.
TOLD_AT_MOST = 20


@click.command()
@click.option("--base", metavar="IMAGE", help="Build on this, and not on what the Containerfile names.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_OUT,
    show_default=".live/image",
    help="The folder that the image and its bill of materials go to.",
)
def command(base: str | None, out: Path) -> None:
    """Build the image, look through it, run all of its services, and write it to a file. Needs root on Linux, and
    buildah; where no container registry can be reached, mmdebstrap too."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LauncherError("building an image needs root on Linux")
    buildah = Buildah(CACHE / "buildah")
    with tempfile.TemporaryDirectory(prefix="livestream-image-") as folder:
        work = Path(folder)
        _build(buildah, base or python_base(buildah, work), work)
        with buildah.mounted(NAME) as image:
            _look_through(image)
            asyncio.run(try_out(image, work / "data", ConsoleReport(Console(highlight=False))))
            out.mkdir(parents=True, exist_ok=True)
            bill = Path(shutil.copy(image.root / PLACE, out / "livestream.cdx.json"))
    archive = out / "livestream.tar"
    archive.unlink(missing_ok=True)
    buildah("writing the image", "push", "--quiet", NAME, f"docker-archive:{archive}:livestream:latest")
    # Those that this one has taken the place of.
    buildah("removing old images", "rmi", "--prune", "--force")
    click.echo(f"{archive} ({image.size}; for `docker load -i`), {bill}")


def _build(buildah: Buildah, base: str, work: Path) -> None:
    click.secho(f"building on {base}", bold=True)
    # Docker's own format has health checks, and OCI's has not.
    options = ("--isolation", "chroot", "--layers=false", "--format", "docker", "--pull-never")
    arguments = ("--build-arg", f"PYTHON_IMAGE={base}", *_secrets(work))
    buildah("building the image", "bud", *options, *arguments, "--file", CONTAINERFILE, "--tag", NAME, ROOT)


def _secrets(work: Path) -> Iterator[str]:
    settings = [f"{name}={shlex.quote(os.environ[name])}\n" for name in REGISTRY_SETTINGS if os.environ.get(name)]
    if settings:
        file = work / "registry"
        file.write_text("".join(settings))
        yield from ("--secret", f"id=registry,src={file}")
    if certificates := os.environ.get(CERTIFICATES):
        yield from ("--secret", f"id=ca,src={certificates}")


def _look_through(image: Image) -> None:
    problems = list(islice(unwanted(image.root), TOLD_AT_MOST))
    if not image.user.partition(":")[0].isdecimal() or image.user.startswith("0"):
        problems.append(f"its user is {image.user!r}, not the number of one without rights")
    problems += [f"{each}: in the lock file or the bill of materials, not in both" for each in _unlisted(image)]
    if problems:
        raise LauncherError("the image is not as it should be:\n" + "\n".join(problems))


def _unlisted(image: Image) -> list[str]:
    return differences(image.root / PLACE, image_packages())
