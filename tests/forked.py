"""The command `yuanlu`, run by the hundred: each in a process of its own, forked from one that has imported it already.

What is saved is the import, more than a second a command. Arguments, environment, streams and exit code are as a shell
would have them; commands that stay, and how a command starts from nothing, are tried as real programs elsewhere.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_MAKER = multiprocessing.get_context("forkserver")
_MAKER.set_forkserver_preload(["tests.forked_from"])


def run(
    arguments: Sequence[str], env: Mapping[str, str], heard: str, within: float
) -> subprocess.CompletedProcess[str]:
    """Run `yuanlu` with these arguments to its end. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as cried, tempfile.TemporaryFile() as told:
        told.write(heard.encode())
        told.seek(0)
        streams = [_opened(each) for each in (told, said, cried)]
        child = _MAKER.Process(target=_command, args=(list(arguments), dict(env), str(Path.cwd()), *streams))
        child.start()
        child.join(within)
        if child.is_alive():
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(list(arguments), within)
        ended = child.exitcode
        child.close()
        assert ended is not None
        return subprocess.CompletedProcess(list(arguments), ended, _read(said), _read(cried))


def _opened(file: IO[bytes]) -> Any:
    return f"/proc/{os.getpid()}/fd/{file.fileno()}"


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _command(arguments: list[str], env: dict[str, str], place: str, *streams: str) -> None:
    """What the forked process does: it becomes the command."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(place)
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin = os.fdopen(0)  # multiprocessing had closed it
    sys.argv = ["yuanlu", *arguments]
    runpy.run_module("yuanlu", run_name="__main__", alter_sys=True)
