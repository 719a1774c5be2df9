"""Runs a stateful DoFn without a runner: state in memory, the watermark moved by hand."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.transforms.core import _StateDoFnParam, _TimerDoFnParam
from apache_beam.transforms.userstate import BagStateSpec, TimerSpec
from apache_beam.utils.timestamp import Timestamp


class Value:
    """One ReadModifyWrite state; clears, reads and writes like Beam's."""

    def __init__(self) -> None:
        self.held: Any = None

    def read(self) -> Any:
        return self.held

    def write(self, value: Any) -> None:
        self.held = value

    def clear(self) -> None:
        self.held = None


class Bag:
    """One Bag state; gives back its elements in another order than they came."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def read(self) -> list[Any]:
        return list(reversed(self.held))

    def add(self, value: Any) -> None:
        self.held.append(value)

    def clear(self) -> None:
        self.held = []


class TimerOf:
    """One event-time timer, in whole milliseconds as on a runner."""

    def __init__(self) -> None:
        self.due_us: int | None = None

    def set(self, due: Timestamp) -> None:
        self.due_us = due.micros // 1_000 * 1_000

    def clear(self) -> None:
        self.due_us = None


class StatefulRun:
    """Calls a DoFn's process and timers as a runner does, for any number of keys."""

    def __init__(self, dofn: beam.DoFn) -> None:
        self.outputs: list[Any] = []
        self.fired: list[tuple[Any, str, int]] = []  # key, timer, microseconds
        self.timers: dict[tuple[Any, str], TimerOf] = defaultdict(TimerOf)
        self.states: dict[tuple[Any, str], Any] = {}
        self.replace(dofn)

    def replace(self, dofn: beam.DoFn) -> None:
        """Continues with another worker, which finds what is in state and nothing else."""
        self._dofn = dofn
        self._arguments = {}
        self._callbacks = {
            spec.name: getattr(dofn, spec._attached_callback.__name__)
            for spec in vars(type(dofn)).values()
            if isinstance(spec, TimerSpec)
        }

    def process(self, element: tuple[Any, Any], at_us: int) -> None:
        self._call(self._dofn.process, element[0], at_us, element)

    def advance_to(self, watermark_us: int) -> None:
        """Fires what is due, the earliest first, until nothing more is."""
        while True:
            due = [
                (timer.due_us, key, name)
                for (key, name), timer in self.timers.items()
                if timer.due_us is not None and timer.due_us <= watermark_us
            ]
            if not due:
                return
            at_us, key, name = min(due)
            self.fire(key, name, at_us)

    def fire(self, key: Any, name: str, at_us: int) -> None:
        self.timers[key, name].due_us = None
        self.fired.append((key, name, at_us))
        self._call(self._callbacks[name], key, at_us)

    def _call(self, method: Any, key: Any, at_us: int, *elements: Any) -> None:
        signature = self._arguments.setdefault(
            method.__name__, tuple(inspect.signature(method).parameters.items())
        )
        arguments = {}
        for name, parameter in signature:
            default = parameter.default
            if isinstance(default, _StateDoFnParam):
                arguments[name] = self._state(key, default.state_spec)
            elif isinstance(default, _TimerDoFnParam):
                arguments[name] = self.timers[key, default.timer_spec.name]
            elif default is beam.DoFn.TimestampParam:
                arguments[name] = Timestamp(micros=at_us)
            elif default is beam.DoFn.KeyParam:
                arguments[name] = key
        found: Iterable[Any] | None = method(*elements, **arguments)
        self.outputs.extend(found or ())

    def _state(self, key: Any, spec: Any) -> Any:
        kind = Bag if isinstance(spec, BagStateSpec) else Value
        return self.states.setdefault((key, spec.name), kind())
