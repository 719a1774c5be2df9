"""Silences what libraries announce at every start and the person at the terminal cannot change."""

from __future__ import annotations

import logging
import warnings


def start() -> None:
    """Leaves out what Google's libraries will stop supporting one day, and Beam on TFRecord files.

    Packages that load them call this first.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
    logging.getLogger().addFilter(_no_crcmod)


def _no_crcmod(record: logging.LogRecord) -> bool:
    return "crcmod" not in str(record.msg)
