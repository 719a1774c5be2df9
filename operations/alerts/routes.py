"""Who is told of an alert, and what is not told beside what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from operations.alerts.catalogue import WATCHDOG

PAGER, TICKET, FRAUD, WATCH, NOBODY = "pager", "ticket", "fraud", "watchdog", "nobody"
RECEIVERS = (PAGER, TICKET, FRAUD, WATCH)
# Places that nobody has; .example is kept free for that.
URLS = {name: f"http://{name}.example/payments" for name in RECEIVERS}

_OF_A_JOB = (
    "PaymentsNotFresh",
    "PaymentsFreshnessBudgetBurns",
    "PaymentsFreshnessBudgetLeaks",
    "PaymentsCheckpointOld",
    "PaymentsCheckpointsFail",
    "PaymentsRestarts",
    "PaymentsRestarted",
    "PaymentsLagGrows",
    "PaymentsLagLarge",
    "PaymentsPartitionStuck",
    "PaymentsManyLate",
    "PaymentsWatermarkOld",
    "PaymentsBackpressured",
)
# What explains what. Alertmanager mutes by alerts that are muted themselves as well.
MUTES: Mapping[str, Sequence[str]] = {
    "PaymentsJobNotRunning": _OF_A_JOB,
    "PaymentsClaimLost": ("PaymentsJobNotRunning",),
    "PaymentsStateTooLarge": ("PaymentsStateLarge", "PaymentsStateGrows"),
    "PaymentsLagLarge": ("PaymentsLagGrows",),
    "PaymentsMostAreDeadLetters": ("PaymentsManyDeadLetters",),
    "PaymentsManyConflicts": ("PaymentsConflicts",),
    "PaymentsFreshnessBudgetBurns": ("PaymentsFreshnessBudgetLeaks",),
    "PaymentsRestarts": ("PaymentsRestarted",),
    "PaymentsOpenTransaction": ("PaymentsPartitionStuck", "PaymentsNotFresh"),
}
# Figures that are not asked for anew say nothing. What the last reconciliation found stays true.
BLIND = "PaymentsUnobserved"
NEVER_MUTED = ("PaymentsDoNotAddUp", "PaymentsRetentionNear", BLIND, WATCHDOG)


def config(urls: Mapping[str, str] = URLS, pace: float = 1.0) -> dict[str, Any]:
    """Returns Alertmanager's configuration.

    Args:
        urls: of the webhook of each receiver.
        pace: factor of its waits.
    """

    def lasts(seconds: float) -> str:
        return f"{max(1, round(seconds * pace))}s"

    return {
        "route": {
            "receiver": TICKET,
            "group_by": ["alertname", "topic", "partition", "source"],
            "group_wait": lasts(30),
            "group_interval": lasts(300),
            "repeat_interval": "12h",
            "routes": [
                {
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "receiver": WATCH,
                    "group_wait": "0s",
                    "repeat_interval": lasts(300),
                },
                {"matchers": ['team="fraud"'], "receiver": FRAUD},
                {"matchers": ['severity="critical"'], "receiver": PAGER, "repeat_interval": "1h"},
                {"matchers": ['severity="info"'], "receiver": NOBODY},
            ],
        },
        "inhibit_rules": [*_inhibitions()],
        "receivers": [
            *(
                {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}
                for name, url in urls.items()
            ),
            {"name": NOBODY},
        ],
    }


def _inhibitions() -> list[dict[str, Any]]:
    found = [
        {
            "source_matchers": [f'alertname="{source}"'],
            "target_matchers": [f'alertname=~"{"|".join(muted)}"'],
        }
        for source, muted in MUTES.items()
    ]
    blind = {
        "source_matchers": [f'alertname="{BLIND}"'],
        "target_matchers": ['alertname=~"Payments.*"', f'alertname!~"{"|".join(NEVER_MUTED)}"'],
    }
    return [blind, *found]
