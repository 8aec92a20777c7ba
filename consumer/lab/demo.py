"""The whole service on one machine, with nothing installed, and an account of every payment at the end.

Kafka (embedded) and the API simulator live in this process, the service in one of its own, started as an
operator would start it. Sample events go in; at the end the API's ledger, the dead-letter topic, the
service's metrics and the committed offsets have to be what the events say, to the last digit.
"""

from typing import Final

from consumer.lab.display import Display
from consumer.lab.expectation import Expectation
from consumer.lab.process import Service
from consumer.lab.reconciliation import reconcile
from consumer.lab.stage import Plan, Stalled, stage

_LOG_LINES: Final = 30


async def run(plan: Plan, display: Display) -> bool:
    """Run the demo and tell whether everything agrees.

    Raises :class:`consumer.core.errors.DependencyError` where the stage can't be built.
    """
    display.say(f"Working out what must become of {plan.events} records")
    expectation = plan.expectation()
    async with stage(plan, expectation) as here:
        display.say(f"Kafka (embedded) on {here.kafka}, API simulator on {here.origin}")
        try:
            with display.progress(plan.events) as told:
                await here.play(told)
        except Stalled as reason:
            return _failed(display, (str(reason),), here.service)
        observation = await here.observe()
        exit_code = await here.service.stop()
        report = reconcile(expectation, observation)
        display.report(report)
        display.faults(here.api.journal.faults())
        problems = (*report.differences, *here.problems(exit_code))
        if problems:
            return _failed(display, problems, here.service)
        display.say(_success(expectation))
        return True


def _failed(display: Display, problems: tuple[str, ...], running: Service) -> bool:
    """Say what is wrong and what the service had to say; return False."""
    display.say("It does not add up:")
    display.problems(problems)
    lines = running.log.read_text(errors="replace").splitlines()
    display.say(f"The service's log, its last {min(len(lines), _LOG_LINES)} of {len(lines)} lines:")
    for line in lines[-_LOG_LINES:]:
        display.say(f"  {line}")
    return False


def _success(expectation: Expectation) -> str:
    """Return the last line of a demo that went well."""
    recorded, removed = len(expectation.recorded), len(expectation.removed)
    return f"Reconciled: {recorded} payments recorded and {removed} removed, each once and to the last digit."
