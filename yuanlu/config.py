"""Settings: one frozen value, read from the environment at start. docs/reference/settings.md lists them.

Every name begins with `YUANLU_`; a name that begins so and is not known is an error: a slip in a setting must not be
silent. Secrets come from files.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from yuanlu.errors import Denied

PREFIX = "YUANLU_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation may say. Each field is `YUANLU_<NAME>`."""

    state: Path
    """Where the embedded database and the installation's own secret live."""
    database_url: str = ""
    """A PostgreSQL of your own (>= 15). Empty: the embedded one."""
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    """How the channels reach us, for callbacks. Empty: they are not told, and we ask instead."""
    secret_file: str = ""
    """File of at least 32 random bytes: the key of the keyed hashes. Empty: `<state>/secret`, made at first use."""
    worker_concurrency: int = 32
    log_level: str = "info"

    @property
    def mark_key(self) -> bytes:
        """The key of the keyed hashes.

        Raises Denied: settings.secret_short.
        """
        path = Path(self.secret_file) if self.secret_file else self.state / "secret"
        if not self.secret_file and not path.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"secret.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(descriptor)
            try:
                os.link(fresh, path)  # the first process wins; the others read what it wrote
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        key = path.read_bytes()
        if len(key) < 32:
            raise Denied("settings.secret_short", file=str(path), bytes_min=32)
        return key


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises Denied: settings.unknown, settings.invalid.
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + each.name.upper(): each for each in fields(Settings)}
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise Denied("settings.unknown", names=unknown, known=sorted(known))
    values: dict[str, object] = {"state": Path.home() / ".local" / "state" / "yuanlu"}
    for name, value in given.items():
        each = known[name]
        if each.type == "int":
            if not (value.isascii() and value.isdigit()):
                raise Denied("settings.invalid", name=name, wants="a whole number")
            values[each.name] = int(value)
        else:
            values[each.name] = Path(value) if each.type == "Path" else value
    return Settings(**values)  # type: ignore[arg-type]
