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
KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation may say. Each field is `YUANLU_<NAME>`."""

    state: Path
    """Where the embedded database and the installation's own secret live."""
    database_url: str = ""
    """A PostgreSQL of your own (>= 15). Empty: the embedded one."""
    reports_url: str = ""
    """A read replica of it, for reports. Empty: they are read from the same database, by a connection of their own."""
    host: str = "127.0.0.1"
    port: int = 8000
    tls_cert_file: str = ""
    """File of the certificate (PEM), followed by those of whoever vouches for it. Empty: plain HTTP."""
    tls_key_file: str = ""
    """File of its private key (PEM), without a password."""
    trusted_proxies: str = ""
    """Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` count. Empty: nobody's."""
    step_up_always: int = 0
    """1: people without a second factor may do nothing that a step-up is asked for. 0: it is asked of the others."""
    rate_address: int = 12_000
    """Calls a minute of one address. 0, here and below: no limit."""
    rate_signin: int = 60
    """Calls a minute of one address to sign in, enrol, or take up an invitation."""
    rate_receipt: int = 120
    """Pages of receipts a minute of one address."""
    rate_callback: int = 6_000
    """Calls a minute of one address for one merchant's channel; ten times as many for all merchants."""
    rate_key: int = 12_000
    """Calls a minute with one key."""
    rate_person: int = 3_000
    """Calls a minute of one member of staff, with whatever keys."""
    rate_device: int = 1_200
    """Calls a minute that name one till."""
    rate_object: int = 1_200
    """Calls a minute about one payment, refund, case, or whatever else stands in a path."""
    wechat_url: str = ""
    """Address of WeChat Pay for keys that are set at the console. Empty: WeChat Pay's own."""
    alipay_url: str = ""
    """Address of Alipay's gateway for keys that are set at the console. Empty: Alipay's own."""
    public_url: str = ""
    """How the channels reach us, for callbacks. Empty: they are not told, and we ask instead."""
    secret_file: str = ""
    """File of at least 32 random bytes: the key of the keyed hashes. Empty: `<state>/secret`, made at first use."""
    seal_key_file: str = ""
    """File of the keys that wrap merchants' keys: 32 random bytes, or several keys. Empty: `<state>/seal.key`."""
    kms_key: str = ""
    """Name of a key in an AWS-compatible key management service that wraps merchants' keys instead of the file's."""
    kms_endpoint: str = ""
    """Its address. Empty: AWS's own, of the region."""
    kms_region: str = ""
    kms_key_id_file: str = ""
    """File with the access key's id."""
    kms_secret_file: str = ""
    """File with the access key's secret."""
    files_dir: str = ""
    """Where the sealed contents of files lie. Empty: `<state>/files`."""
    file_bytes_max: int = 10_000_000
    """How large a file of a case may be."""
    case_files_max: int = 20
    """How many files a case may have, those that are gone counted."""
    file_pixels_max: int = 40_000_000
    """How many pixels an image may have."""
    file_pages_max: int = 30
    """How many pages a PDF may have."""
    file_seconds_max: int = 20
    """CPU seconds that making one file anew may take."""
    file_memory_max: int = 1_000_000_000
    """Bytes of address space of the process that makes a file anew."""
    ocr: str = "auto"
    """`auto`: pictures are read for card and identity numbers where Tesseract is installed. `off`: they are not."""
    clamd: str = ""
    """`host:port` of a clamd that every file is shown to first. Empty: none; if set, no file passes without it."""
    s3_endpoint: str = ""
    """Address of an S3-compatible store that keeps files instead of the disk. Empty: the disk."""
    s3_bucket: str = ""
    s3_region: str = ""
    s3_key_id_file: str = ""
    """File with the access key's id."""
    s3_secret_file: str = ""
    """File with the access key's secret."""
    pack_key_file: str = ""
    """File of the private key (PEM, RSA or EC) that signs evidence packs. Empty: `<state>/packs`, made at first use."""
    pack_cert_file: str = ""
    """File of its certificate (PEM), followed by those of whoever vouches for it. Goes with the key file."""
    smtp_host: str = ""
    """The mail server our e-mails go through. Empty: no e-mail is sent."""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    """`starttls`, `tls` (from the first byte), or `none` (a server on this machine only)."""
    smtp_user: str = ""
    smtp_password_file: str = ""
    smtp_from: str = ""
    """The address our e-mails come from."""
    smtp_ca_file: str = ""
    """Certificates the mail server's is held to, instead of the system's."""
    hooks_on_loopback: int = 0
    """1: hooks may lead to this machine, for tests and demos."""
    printer_networks: str = ""
    """Networks in which receipt printers may be, parted by commas: `192.168.1.0/24`. Empty: none may."""
    packs: str = ""
    """A folder of dated packs (law, working days, promises) that add to ours or take their place. Empty: ours alone."""
    open_key_files: str = "refuse"
    """`refuse`: nothing starts while everyone on this machine may read a key file. `warn`: it is only said."""
    practice: int = 1
    """1: tills may practise, in a process of its own that is started at the first time. 0: they may not."""
    worker_concurrency: int = 32
    log_level: str = "info"

    @property
    def mails(self) -> bool:
        """Whether e-mail can go out: its server and its sender are named."""
        return bool(self.smtp_host and self.smtp_from)

    @property
    def anchors(self) -> Path:
        """Where the anchors of the audit log are written, a file a day."""
        return self.state / "anchors"

    @property
    def mark_key(self) -> bytes:
        """The key of the keyed hashes.

        Raises Denied: settings.secret_short.
        """
        return self._key(self.secret_file, "secret")

    @property
    def seal_key(self) -> bytes:
        """The key file that wraps merchants' keys, whole; made at first use.

        Raises Denied: settings.secret_short.
        """
        return self._key(self.seal_key_file, "seal.key")

    @property
    def seal_path(self) -> Path:
        """Where that file is."""
        return Path(self.seal_key_file) if self.seal_key_file else self.state / "seal.key"

    def _key(self, file: str, own: str) -> bytes:
        """A key from a file; without a name, our own file in the state directory, made at first use."""
        path = Path(file) if file else self.state / own
        if not file and not path.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{own}.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(KEY_BYTES))
                out.flush()
                os.fsync(descriptor)
            try:
                os.link(fresh, path)  # the first process wins; the others read what it wrote
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        key = path.read_bytes()
        if len(key) < KEY_BYTES:
            raise Denied("settings.secret_short", file=str(path), bytes_min=KEY_BYTES)
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
