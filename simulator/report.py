"""Reports a run: progress on stderr, totals at the end."""

from __future__ import annotations

import collections
import sys
import time
from typing import TextIO

from simulator.produce import Acknowledged
from transforms.payment.outcome import Outcome
from transforms.payment.rules import amount_of

_TERMINAL_EVERY_SEC = 1.0
_LOG_EVERY_SEC = 5.0


class Report:
    """Counts what is acknowledged. Sums are in minor units: exact in any order."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._begin_sec = time.monotonic()
        self._end_sec: float | None = None
        self._spoken_sec = self._begin_sec
        self._spoken_sent = 0
        # Counted by object: an enum's own hash costs as much as all the rest of `add`.
        self._outcomes: collections.Counter[int] = collections.Counter()
        self._accepted_minor: collections.Counter[str] = collections.Counter()
        self.acknowledged = 0
        self.unacknowledged = 0

    def add(self, record: Acknowledged) -> None:
        """Counts one acknowledged record."""
        self.acknowledged += 1
        send = record.send
        self._outcomes[id(send.expected)] += 1
        facts = send.facts
        if send.expected is Outcome.ACCEPTED and facts.currency and facts.amount_minor:
            self._accepted_minor[facts.currency] += facts.amount_minor

    def progress(self, sent: int) -> None:
        """Says how far the run is, every second on a terminal, else every five."""
        now_sec = time.monotonic()
        since_sec = now_sec - self._spoken_sec
        if since_sec < (_TERMINAL_EVERY_SEC if self._terminal else _LOG_EVERY_SEC):
            return
        rate_per_sec = (sent - self._spoken_sent) / since_sec
        end = "\r" if self._terminal else "\n"
        line = f"sent {sent:,} · {rate_per_sec:,.0f}/s · acknowledged {self.acknowledged:,}"
        print(f"{line:<70}", end=end, file=self._stream, flush=True)
        self._spoken_sec, self._spoken_sent = now_sec, sent

    def finish(self, unacknowledged: int) -> None:
        """Ends the clock of the run."""
        self._end_sec = time.monotonic()
        self.unacknowledged = unacknowledged
        if self._terminal:
            print(file=self._stream)

    def summary(self) -> str:
        """Returns the totals, for a human."""
        end_sec = time.monotonic() if self._end_sec is None else self._end_sec
        elapsed_sec = max(end_sec - self._begin_sec, 1e-9)
        total = self.acknowledged + self.unacknowledged
        lines = [
            f"sent          {total:>14,}  in {elapsed_sec:,.1f} s, {total / elapsed_sec:,.1f}/s",
            f"acknowledged  {self.acknowledged:>14,}",
        ]
        if self.unacknowledged:
            lines.append(f"unknown       {self.unacknowledged:>14,}  never acknowledged")
        lines.append("expected outcomes of the acknowledged:")
        for outcome in Outcome:
            count = self._outcomes[id(outcome)]
            share = count / max(self.acknowledged, 1)
            lines.append(f"  {outcome.value:<12}{count:>14,}  {share:.2%}")
        lines.append("accepted, per currency:")
        for currency, minor in sorted(self._accepted_minor.items()):
            lines.append(f"  {currency:<12}{amount_of(minor, currency):>18,f}")
        return "\n".join(lines)
