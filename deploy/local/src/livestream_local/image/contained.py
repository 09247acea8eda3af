"""One of our services as it runs in a container: in the image's file system, read-only, as its user, without rights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from livestream_local.image.buildah import Image
from livestream_local.program import Launch
from livestream_local.services import Service

# As `read_only: true` in docker-compose.yml. The mounts are this process's own and end with it. It stays one process to
# the end of the chain, so a signal reaches the service itself.
_ENTER: Final = """
root=$1 user=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i "$@"
"""
# A change of user takes back what `livestream_local.child` asked the kernel for.
_WITHOUT_RIGHTS: Final = ("setpriv", "--pdeathsig", "KILL", "--no-new-privs")


def inside(image: Image, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command that runs `command` within `image`, with `environment` added to the image's. Needs root."""
    variables = [f"{name}={value}" for name, value in {**image.environment, **environment}.items()]
    private = ("unshare", "--mount", "--propagation", "private")
    return [*private, "sh", "-euc", _ENTER, "sh", str(image.root), image.user, *variables, *_WITHOUT_RIGHTS, *command]


@dataclass(frozen=True, slots=True)
class ContainedService:
    """`service`, of `image`. The network is the machine's own."""

    image: Image
    service: Service

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def ports(self) -> Mapping[str, int]:
        return self.service.ports

    def prepare(self) -> Launch:
        command = inside(self.image, [*self.image.entrypoint, self.service.module], self.service.prepare().environment)
        return Launch(command, stop_timeout_s=self.service.stop_timeout_s)

    def probe(self) -> list[str]:
        """The command by which a container's engine asks whether it is ready."""
        return inside(self.image, ["python", "-m", "livestream.probe"], {"PORT": str(self.service.port)})

    async def is_ready(self) -> bool:
        return await self.service.is_ready()
