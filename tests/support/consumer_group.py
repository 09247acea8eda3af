"""The projectors' consumer group, as its coordinator sees it."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import LeaveGroupRequest

GROUP = "livestream-projector"


async def forget_members(bootstrap_servers: str) -> None:
    """What happens at the end of a session timeout anyway, at once: only dead members may be there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        coordinator = await admin.find_coordinator(GROUP)
        (described,) = await admin.describe_consumer_groups([GROUP], coordinator)
        members: Any = described.groups[0][5]
        for member_id, *_ in members:
            await admin._send_request(LeaveGroupRequest(GROUP, member_id), coordinator)
    finally:
        await admin.close()
