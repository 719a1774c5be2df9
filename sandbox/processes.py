"""Finds the processes that belong to a sandbox, and the memory that they hold."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil

from sandbox.layout import Layout
from sandbox.supervision import MARKER

_END_TIMEOUT_SEC = 5


def of_sandbox(layout: Layout) -> list[psutil.Process]:
    """Returns every live process that a sandbox in this folder started, however it got there."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARKER) == str(layout.root)
            if marked and process.pid != os.getpid() and _alive(process):
                found.append(process)
        except psutil.Error:
            continue  # it ended, or belongs to somebody else: not ours
    return found


def end(strays: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Kills these processes, each by its id, and returns those that are still there."""
    strays = list(strays)
    for process in strays:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    _, left = psutil.wait_procs(strays, timeout=_END_TIMEOUT_SEC)
    return [process for process in left if _alive(process)]


def wait_for_end(pid: int, timeout_sec: float) -> None:
    """Waits until the process is gone; one that stays is for the caller to find."""
    try:
        psutil.Process(pid).wait(timeout_sec)
    except psutil.Error:
        return


def memory_mib(pid: int) -> int:
    """Returns the resident memory of a process and its children, 0 when it is gone."""
    total_bytes = 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            total_bytes += member.memory_info().rss
        except psutil.Error:
            continue
    return total_bytes >> 20


def listening_ports(pid: int) -> set[int]:
    """Returns the TCP ports on which a process listens."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {item.laddr.port for item in connections if item.status == psutil.CONN_LISTEN}


def _alive(process: psutil.Process) -> bool:
    return bool(process.status() != psutil.STATUS_ZOMBIE)
