"""Backup and restore at a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from yuanlu import backup
from yuanlu.config import Settings

SHOWN = ("merchants", "payments", "refunds", "cases", "facts", "moves")


async def back_up(settings: Settings, file: Path, keys: Path | None) -> dict[str, Any]:
    """Write a backup. Raises as `backup.back_up`."""
    manifest = await backup.back_up(settings, file, keys, datetime.now(UTC))
    files = sum(name.startswith("files/") for name in manifest.members)
    return {
        "file": str(file),
        "bytes": os.path.getsize(file),  # noqa: PTH202, ASYNC240 - one look, at the end
        "keys": str(keys) if keys else None,
        "made_at": manifest.made_at,
        "files": files,
        "files_elsewhere": settings.s3_bucket or None,
        "counts": dict(manifest.counts),
    }


async def restore(settings: Settings, file: Path, keys: Path | None) -> dict[str, Any]:
    """Put a backup back. Raises as `backup.restore`."""
    found = await backup.restore(settings, file, keys)
    return {
        "ok": found.ok,
        "made_at": found.made_at,
        "counts": dict(found.counts),
        "differs": list(found.differs),
        "problems": list(found.problems),
        "has_keys": found.has_keys,
        "revived": asdict(found.revived),
    }


def _counted(told: dict[str, Any]) -> str:
    return " · ".join(f"{told['counts'].get(name, 0)} {name}" for name in SHOWN)


def show_backup(told: dict[str, Any], say: Callable[..., None]) -> None:
    """What was backed up, for people."""
    say(f"✓ {told['file']}  {told['bytes'] / 1e6:.1f} MB · {told['files']} files", fg="green")
    say(f"  {_counted(told)}")
    if told["files_elsewhere"]:
        say(
            f"  文件在存储桶 {told['files_elsewhere']}，请另行备份。 Files lie in that bucket: back it up too.",
            fg="yellow",
        )
    if told["keys"]:
        say(f"  密钥在 {told['keys']}，请离开本机保存。 The keys are there: keep them away from this machine.")
    else:
        say("  没有备份密钥（--keys）。 The keys are not backed up (--keys).", fg="yellow")


def show_restored(told: dict[str, Any], say: Callable[..., None]) -> None:
    """What a restore came to, for people."""
    say(f"{'✓' if told['ok'] else '✗'} {told['made_at']}", fg="green" if told["ok"] else "red")
    say(f"  {_counted(told)}")
    for each in (*told["differs"], *told["problems"]):
        say(f"  {each}", fg="red")
    if not told["has_keys"]:
        say("  没有密钥：姓名、留言、文件都读不出。 No keys: names, messages and files cannot be read.", fg="yellow")
    back = told["revived"]
    say(
        f"  全部重新登录：结束了 {back['sessions_ended']} 个会话、{back['step_ups_ended']} 次再次确认、"
        f"{back['invitations_ended']} 份邀请。"
        " Everybody signs in anew: these sessions, step-ups and invitations were ended."
    )
    say(
        f"  又生效 Act again: {back['machine_keys']} 机器密钥 keys of machines and tills,"
        f" {back['personal_keys']} 个人密钥 keys of people, {back['people']} 员工 people.\n"
        "  备份之后停用过的请再停用：yuanlu key list、key end，staff list、staff end。"
        " End again what was ended after the backup.",
        fg="yellow",
    )
    say(
        "  备份之后发生的收退款要用渠道对账单补齐。 What happened after the backup comes from the channels' statements."
    )
