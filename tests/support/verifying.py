"""The independent witness on a running stack, as `./live verify` asks it."""

from livestream_auditor.verify.findings import Findings
from livestream_auditor.verify.verification import verify
from tests.support.stacks import RunningStack


async def assert_equal_to_the_log(stack: RunningStack) -> None:
    """Postgres, Redis and a live stream hold what the log says, once all that is on it now is folded."""
    findings = Findings()
    await verify(stack.addresses, findings, lambda _read, _all: None)
    assert findings.equal, {section.name: section.differences for section in findings.sections}
