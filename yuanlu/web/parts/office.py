"""What the surfaces are given to work with. `yuanlu.app.App` is one; web knows no more of it than this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from yuanlu.channels.checking import Finding
from yuanlu.channels.contract import Callback, Channel
from yuanlu.clock import Clock
from yuanlu.config import Settings
from yuanlu.db import Pools
from yuanlu.desk import Desk
from yuanlu.evidence.flow import Files
from yuanlu.insight.store import Reports
from yuanlu.packs.flow import Presses
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder
from yuanlu.seal import Seal
from yuanlu.training.ground import Ground


class Office(Protocol):
    """One running installation, as a surface sees it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def desk(self) -> Desk: ...

    @property
    def files(self) -> Files: ...

    @property
    def presses(self) -> Presses: ...

    @property
    def seal(self) -> Seal: ...

    @property
    def ground(self) -> Ground: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def pools(self) -> Pools: ...

    @property
    def reader(self) -> Reader: ...

    @property
    def reports(self) -> Reports: ...

    @property
    def recorder(self) -> Recorder: ...

    async def try_keys(self, channel: Channel, config: Mapping[str, str], keys: Any) -> list[Finding]:
        """Ask a channel whether these keys are right. Never raises."""

    async def overhear(self, channel: Channel, merchant_id: str, callback: Callback) -> tuple[int, str, bytes]:
        """Take in what a provider posted; answers what to say to it: status, content type, body."""
