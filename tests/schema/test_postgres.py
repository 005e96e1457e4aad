"""The embedded PostgreSQL outlives what can happen to it."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from yuanlu import supervisor
from yuanlu.errors import Broken
from yuanlu.postgres import Server

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def state(spot: Path) -> Iterator[Path]:
    """A state directory of one's own."""
    place = Path(tempfile.mkdtemp(prefix="s-", dir=spot))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture
async def alone(state: Path) -> AsyncIterator[Server]:
    """A server of one's own, to be hurt."""
    async with Server(state) as running:
        yield running


def postmaster(server: Server) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(holds: Callable[[], bool], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)


async def asked(server: Server, sql: str) -> object:
    """Ask until the server answers: what any caller of ours does."""
    async with asyncio.timeout(30):
        while True:
            try:
                connection = await server.connect()
                try:
                    return await connection.fetchval(sql)
                finally:
                    await connection.close()
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
                await asyncio.sleep(0.05)


USER = """
import asyncio, sys
from pathlib import Path
from yuanlu.postgres import Server
async def main():
    async with Server(Path(sys.argv[1])) as server:
        connection = await server.connect()
        print(await connection.fetchval("select system_identifier || ' ' || pg_postmaster_start_time() "
                                        "from pg_control_system()"), flush=True)
        await connection.close()
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


def other_process(state: Path, *before: str) -> subprocess.Popen[str]:
    """Another process of ours that uses this state directory until its standard input ends."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", USER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


async def test_it_is_durable_local_and_not_root(server: Server) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await asked(server, f"show {name}") == "on"
    assert await asked(server, "show listen_addresses") == ""
    assert await asked(server, "show server_encoding") == "UTF8"
    assert await asked(server, "select datcollate from pg_database where datname = 'postgres'") == "C"
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid != 0
    assert server.sockets.stat().st_mode & 0o077 == 0
    assert server.home.stat().st_mode & 0o077 == 0


async def test_stopped_and_started_again_it_keeps_its_data(state: Path) -> None:
    async with Server(state) as first:
        await asked(first, "create table kept as select 7 as n")
        pid = postmaster(first)
    assert not is_alive(pid)
    assert not supervisor.is_running(state)
    async with Server(state) as second:
        assert await asked(second, "select n from kept") == 7


async def test_a_killed_postmaster_is_started_again_with_its_data(alone: Server) -> None:
    await asked(alone, "create table kept as select 7 as n")
    killed = postmaster(alone)
    busy = await alone.connect()
    sleeping = asyncio.create_task(busy.execute("select pg_sleep(60)"))
    await asyncio.sleep(0.1)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await sleeping
    assert await asked(alone, "select n from kept") == 7
    assert postmaster(alone) != killed
    assert not Path(f"/proc/{killed}").exists(), "reaped"


async def test_a_killed_supervisor_is_started_again_by_its_users(alone: Server) -> None:
    await asked(alone, "create table kept as select 7 as n")
    old = postmaster(alone)
    os.kill(parent_of(old), signal.SIGKILL)
    await until(lambda: not is_alive(old))
    assert await asked(alone, "select n from kept") == 7
    assert parent_of(postmaster(alone)) != parent_of(os.getpid())


async def test_a_killed_user_counts_as_gone_and_the_next_one_starts_anew(state: Path) -> None:
    user = other_process(state)
    with user:
        line_of(user)
        pid = postmaster(Server(state))
        user.kill()
    await until(lambda: not is_alive(pid))
    async with Server(state) as server:
        assert await asked(server, "select 1") == 1


async def test_everything_killed_at_once_leaves_nothing_in_the_way(state: Path) -> None:
    user = other_process(state)
    with user:
        line_of(user)
        pid = postmaster(Server(state))
        for victim in (user.pid, parent_of(pid), pid):
            os.kill(victim, signal.SIGKILL)
    async with Server(state) as server:
        assert await asked(server, "select 1") == 1


async def test_processes_that_come_at_once_share_one_server(state: Path) -> None:
    users = [other_process(state) for _ in range(3)]
    async with Server(state) as server:
        told = await asked(
            server, "select system_identifier || ' ' || pg_postmaster_start_time() from pg_control_system()"
        )
        assert [(await asyncio.to_thread(line_of, user)).strip() for user in users] == [told] * 3
        pid = postmaster(server)
    assert is_alive(pid), "others still use it"
    for user in users:
        user.communicate("")
        assert user.returncode == 0
    assert not is_alive(pid)


@pytest.mark.parametrize("who", ["gone", "zombie", "other program", "rubbish"])
async def test_a_stale_pid_file_is_no_obstacle(state: Path, who: str) -> None:
    async with Server(state) as server:
        file = server.home / "data" / "postmaster.pid"
        lines = file.read_text().splitlines()
    with subprocess.Popen(["/bin/sleep", "60" if who == "other program" else "0"]) as child:
        if who == "gone":
            child.wait()
        else:
            await until(lambda: is_alive(child.pid) == (who == "other program"))
        file.write_text("\n".join([str(child.pid), *lines[1:]]) + "\n" if who != "rubbish" else "\n")
        async with Server(state) as again:
            assert await asked(again, "select 1") == 1
        child.kill()


async def test_a_living_postgres_of_a_former_supervisor_is_stopped_first(state: Path) -> None:
    async with Server(state) as server:
        old = postmaster(server)
        keeper = parent_of(old)
        os.kill(old, signal.SIGSTOP)  # so that it cannot obey when its supervisor dies
        os.kill(keeper, signal.SIGKILL)
        await until(lambda: not is_alive(keeper))
        os.kill(old, signal.SIGCONT)
        assert await asked(server, "select 1") == 1
        assert postmaster(server) != old


async def test_a_long_state_path_gets_a_short_socket(state: Path) -> None:
    async with Server(state / ("long" * 25)) as server:
        assert await asked(server, "select 1") == 1
        assert server.sockets.parent == Path("/tmp")
        sockets = server.sockets
    shutil.rmtree(sockets)


async def test_a_socket_directory_of_somebody_else_is_refused(state: Path) -> None:
    place = state / ("long" * 25)
    place.mkdir(parents=True)
    sockets = supervisor.sockets_of(supervisor.home_of(place))
    sockets.symlink_to(state)
    try:
        with pytest.raises(Broken, match="somebody else"):
            await Server(place).start()
    finally:
        sockets.unlink()


async def test_what_cannot_start_says_why(state: Path) -> None:
    async with Server(state) as server:
        version = server.home / "data" / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(Broken, match="data directory was initialized by PostgreSQL version 12"):
        await Server(state).start(within=2)
    await until(lambda: not supervisor.is_running(state))


@as_root
async def test_an_ordinary_user_runs_it_as_himself(state: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    place = state / "his"
    place.mkdir()
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "/usr/bin/env"]
    become.append(f"PYTHONPATH={ROOT}:{Path(asyncpg.__file__).parents[1]}")
    # Our own Python may lie in root's home; Debian's is the same one, if the libraries in C can be loaded by it.
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([*become, python, "-c", "import asyncpg"], capture_output=True, check=False).returncode == 0:
            break
    else:
        pytest.skip("no Python here can be run by an ordinary user")
    user = subprocess.Popen(
        [*become, python, "-c", USER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with user:
        assert await asyncio.to_thread(line_of, user)
        assert Path(f"/proc/{postmaster(Server(place))}").stat().st_uid == nobody.pw_uid
        user.communicate("")
    assert user.returncode == 0
    assert not supervisor.is_running(place)


@as_root
async def test_root_brings_an_unreachable_cluster_and_programs_to_where_the_service_user_reaches(
    spot: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = state / "closed"
    closed.mkdir()
    closed.chmod(0o700)
    wheel = supervisor.programs().parents[1]
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.parent / f"{wheel.name}.libs", closed / f"{wheel.name}.libs", symlinks=True)
    (closed / wheel.name / "__init__.py").touch()
    monkeypatch.setattr("yuanlu.postgres._PACKAGE", f"{closed}:{ROOT}")
    async with Server(closed / "state") as server:
        away = server.home
        assert away.parent == Path("/var/lib/yuanlu")
        assert (closed / "state" / "postgres").readlink() == away
        assert list(away.glob("programs-*/*/pginstall18/bin/postgres"))
        program = Path(f"/proc/{postmaster(server)}/exe").readlink()
        assert program.is_relative_to(away)
        assert await asked(server, "select 1") == 1
    shutil.rmtree(away)


async def test_starting_is_a_matter_of_seconds(state: Path) -> None:
    began = time.monotonic()
    async with Server(state):
        print(f"initdb and start: {time.monotonic() - began:.2f} s")
