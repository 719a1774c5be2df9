"""The one form of command lines: help from a docstring, settings, errors in one line.

A command that takes a setting takes --config, too.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from payments import exit_codes, sources
from payments.errors import SettingsError
from payments.settings import CONFIG, SETTINGS

CONFIG_MEANING = (
    "TOML file of settings, for this and all other commands; PAYMENTS_CONFIG names it as well. "
    "A flag wins over a variable (--flink: PAYMENTS_FLINK), and that over the file."
)
_MISSING = "the following arguments are required: "
_ARGUMENT = re.compile(r"argument --(\w+): (.*)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes flags by their whole names only, and knows settings."""

    def __init__(self, *args: Any, **more: Any) -> None:
        more.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **{**more, "allow_abbrev": False})
        self._settings: list[str] = []
        self._added: Mapping[str, sources.Value] = {}

    def add_setting(
        self,
        name: str,
        type: Callable[[str], Any] = str,
        required: bool = False,
        meaning: str | None = None,
        **more: Any,
    ) -> None:
        """Adds the flag of a setting, and --config with the first one.

        Args:
            meaning: what it is for here, unless what settings.py says will do.
            more: as for add_argument.
        """
        setting = SETTINGS[name]
        if not self._settings:
            self.add_argument(f"--{CONFIG}", metavar="FILE", help=CONFIG_MEANING)
        self._settings.append(name)
        self.add_argument(
            setting.flag,
            type=type,
            required=required,
            metavar=setting.metavar,
            help=meaning or setting.meaning,
            **more,
        )

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses a command line, completed by variables and the file.

        What they added is in `settings_added` of the result, by the setting's name.
        """
        arguments = list(sys.argv[1:] if args is None else args)
        if self._settings and not {"-h", "--help"} & set(arguments):
            try:
                arguments, self._added = sources.completed(arguments, self._settings)
            except SettingsError as error:
                self.error(str(error))
        found, rest = super().parse_known_args(arguments, namespace)
        assert found is not None  # typeshed gives back what was given
        if self._settings:
            found.settings_added = self._added
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Tells a mistake in one line, says where its value came from, and ends the program."""
        match = _ARGUMENT.fullmatch(message)
        if match:
            value = self._added.get(match[1])
            source = f"--{match[1]}" if value is None else value.source
            message = f"{source}{' ' if match[2].startswith('must ') else ': '}{match[2]}"
        if message.startswith(_MISSING) and self._settings:
            missing = message.removeprefix(_MISSING).split(", ")
            settings = [each for each in missing if each.removeprefix("--") in self._settings]
            if settings:  # the others are flags alone
                message += (
                    ". Hint: a flag, a variable (PAYMENTS_…) or a key of --config FILE says "
                    f"{' and '.join(settings)}"
                )
        exit_codes.told(f"{message} (`{self.prog} --help`)", exit_codes.USAGE)
        raise SystemExit(exit_codes.USAGE)


def of_document(program: str, document: str | None) -> Parser:
    """Returns a parser whose help is a docstring: its first line, then an example."""
    title, _, rest = (document or "").partition("\n\n")
    return Parser(prog=program, description=title, epilog=f"example:\n\n{rest}")
