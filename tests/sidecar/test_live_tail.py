import asyncio
from pathlib import Path

from analytics.tail_socket import reachable
from sidecar.live_tail import shown_tail, tail_path
from sidecar.settings import Settings
from tests.deadline import eventually


async def test_the_socket_is_in_the_data_directory(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    async with shown_tail(settings) as tail:
        assert tail_path(settings).parent == tmp_path
        with reachable(tail_path(settings)) as name:
            _, writer = await asyncio.open_unix_connection(name)
        writer.write(b"{}\n")
        await eventually(lambda: tail._viewers, "a viewer")
        writer.close()


async def test_analytics_does_without_where_there_is_no_such_directory(tmp_path: Path) -> None:
    async with shown_tail(Settings(data_dir=str(tmp_path / "away"))) as tail:
        tail.show(b"{}")
