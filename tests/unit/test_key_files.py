"""Key files: which of them others than their owner may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from yuanlu.config import Settings
from yuanlu.keyring.files import channel_files, open_files, own_files


@pytest.mark.parametrize(
    ("mode", "open_to"),
    [
        (0o600, None), (0o400, None), (0o700, None), (0o711, None), (0o640, "group"), (0o660, "group"),
        (0o620, "group"), (0o604, "everyone"), (0o644, "everyone"), (0o602, "everyone"), (0o666, "everyone"),
    ],
)  # fmt: skip
def test_a_key_is_open_to_whoever_may_read_or_write_it(tmp_path: Path, mode: int, open_to: str | None) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    found = open_files({"wechat/merchant_key": key, "gone": tmp_path / "gone"})
    assert [each.told["open_to"] for each in found] == ([open_to] if open_to else [])


def test_every_setting_that_names_a_secret_is_looked_at_and_what_we_make_ourselves(tmp_path: Path) -> None:
    ours = own_files(Settings(state=tmp_path))
    assert ours == {
        "YUANLU_SECRET_FILE": tmp_path / "secret",
        "YUANLU_SEAL_KEY_FILE": tmp_path / "seal.key",
        "YUANLU_PACK_KEY_FILE": tmp_path / "packs" / "pack.key",
    }
    public = {"tls_cert_file", "pack_cert_file", "smtp_ca_file", "kms_key_id_file", "s3_key_id_file"}
    secret = [name for name in Settings.__dataclass_fields__ if name.endswith("_file") and name not in public]
    named = own_files(Settings(state=tmp_path, **{name: f"/run/{name}" for name in secret}))  # type: ignore[arg-type]
    assert named == {f"YUANLU_{name.upper()}": Path(f"/run/{name}") for name in secret}
    whole = own_files(Settings(state=tmp_path, tls_cert_file="/run/both.pem"))
    assert whole["YUANLU_TLS_CERT_FILE"] == Path("/run/both.pem")


def test_public_keys_and_certificates_of_a_channel_may_be_read_by_all() -> None:
    config = {
        "merchant_key": "/k/a.pem", "merchant_cert": "/k/b.pem", "platform_public_key": "/k/c.pem",
        "app_private_key": "/k/d.pem", "alipay_public_key": "/k/e.pem", "mchid": "1",
    }  # fmt: skip
    assert dict(channel_files("x", config)) == {
        "x/app_private_key": Path("/k/d.pem"), "x/merchant_key": Path("/k/a.pem"),
    }  # fmt: skip
