"""Key files that settings and channel accounts name: who else on this machine may read them.

Only the mode's bits are looked at, as `ssh` does: not the folders above, and no access lists. Whoever may write a key
file may put another key into it, so that counts as reading does.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yuanlu.config import Settings

OWN = ("secret_file", "seal_key_file", "tls_key_file", "pack_key_file", "kms_secret_file", "s3_secret_file",
       "smtp_password_file")  # fmt: skip
"""Settings that name a file with a secret in it."""
_MADE = {"secret_file": "secret", "seal_key_file": "seal.key", "pack_key_file": "packs/pack.key"}
"""What stands in the state directory instead, where a setting names none."""
_PRIVATE = ("merchant_key", "app_private_key")
"""Fields of a channel account that name a file with a private key in it."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A key file that others than its owner may read or write."""

    name: str
    """The setting, or the channel and the field, that names it."""
    path: Path
    mode: int

    @property
    def to_everyone(self) -> bool:
        """Whether every account of this machine may."""
        return bool(self.mode & 0o006)

    @property
    def told(self) -> dict[str, str]:
        """It in texts: for a log, a terminal, a problem."""
        to = "everyone" if self.to_everyone else "group"
        return {"name": self.name, "file": str(self.path), "mode": f"{self.mode:04o}", "open_to": to}


def open_files(named: Mapping[str, Path]) -> list[OpenFile]:
    """Of these files, by their names, those that others may read or write. What is not there is not told."""
    found = []
    for name, path in named.items():
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o066:
            found.append(OpenFile(name, path, mode))
    return found


def own_files(settings: Settings) -> dict[str, Path]:
    """The installation's own key files: the names of settings, and where each is."""
    found = {}
    for field in OWN:
        said: str = getattr(settings, field)
        if said or field in _MADE:
            found[f"YUANLU_{field.upper()}"] = Path(said) if said else settings.state / _MADE[field]
    if settings.tls_cert_file and not settings.tls_key_file:  # then the key stands in it too
        found["YUANLU_TLS_CERT_FILE"] = Path(settings.tls_cert_file)
    return found


def channel_files(channel: str, config: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """The private keys of a channel account, by the names its secrets have."""
    for field, value in sorted(config.items()):
        if field in _PRIVATE and value:
            yield f"{channel}/{field}", Path(str(value))
