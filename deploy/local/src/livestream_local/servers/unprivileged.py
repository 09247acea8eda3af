"""A user for Postgres, which refuses to run as root.

Root's own folders are often closed to everyone else, and a checkout or a temporary folder may lie in one. So the
unprivileged user keeps a single one of root's rights, to pass through closed folders (CAP_DAC_OVERRIDE). The secure bit
no_setuid_fixup makes access(2), with which Postgres looks for its own files, honour that right.
"""

import os
import pwd
import shutil
import sys
from dataclasses import dataclass

from livestream_local.errors import LauncherError


@dataclass(frozen=True, slots=True)
class User:
    """Who a program runs as; `command` goes in front of the program's own."""

    uid: int
    gid: int
    command: tuple[str, ...] = ()


def unprivileged_user() -> User:
    """Whoever runs the launcher; for root, whoever became root by sudo, else `nobody`."""
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        raise LauncherError(
            "Postgres does not run as root, and setpriv (of util-linux) is not there to change the user. "
            "Run the launcher as another user, install util-linux, or set DATABASE_URL to use a Postgres of your own."
        )
    uid, gid = _behind_root()
    change = (
        setpriv,
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
    )
    return User(uid, gid, change)


def _behind_root() -> tuple[int, int]:
    uid = int(os.environ.get("SUDO_UID", "0"))
    if uid != 0:
        return uid, int(os.environ.get("SUDO_GID", uid))
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid
