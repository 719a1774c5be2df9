"""`python -m sandbox sql`: asks BigQuery's stand-in, in one query or at a prompt.

Here and not in `payments`: Google's service has `bq query`, with a bill and rights of its own; the
stand-in has nothing. Tables are named without project and dataset: those of the newest dataset are
meant, or of --dataset.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from payments import exit_codes, quiet, rows_text
from sandbox.errors import SandboxError, SandboxUsage

if TYPE_CHECKING:  # Google's client, for which `status` need not wait
    from google.cloud import bigquery

_HISTORY_LINES_MAX = 1_000
_ANSWER_SEC = 60
_PROMPT, _MORE = "sql> ", "...> "
_HELP = "a query ends with ; or an empty line; \\d lists the tables, \\q or Ctrl-D ends"


class QueryError(SandboxError):
    """The stand-in refuses a query."""

    exit_code = exit_codes.USAGE


class Answer(NamedTuple):
    """The rows of a query."""

    columns: list[str]
    rows: list[list[Any]]


class Console:
    """Asks one dataset."""

    def __init__(self, client: bigquery.Client, dataset: str) -> None:
        self._client = client
        self.dataset = dataset

    def ask(self, query: str) -> Answer:
        """Returns the rows of a query. Raises QueryError, or SandboxError for no answer."""
        from google.cloud import bigquery

        default = bigquery.DatasetReference(self._client.project, self.dataset)
        settings = bigquery.QueryJobConfig(default_dataset=default)
        with _told():
            job = self._client.query(
                query, job_config=settings, retry=None, job_retry=None, timeout=_ANSWER_SEC
            )
            found = job.result(timeout=_ANSWER_SEC, retry=None)
            columns = [field.name for field in found.schema or ()]
            return Answer(columns, [[row[at] for at in range(len(columns))] for row in found])

    def tables(self) -> Answer:
        """Returns the tables and views of the dataset."""
        with _told():
            listed = self._client.list_tables(self.dataset, retry=None)
            rows = sorted([each.table_id, each.table_type.lower()] for each in listed)
        return Answer(["name", "kind"], rows)


def connect(address: str, project: str, dataset: str | None) -> Console:
    """Returns a console on a dataset, the newest one unless it is named.

    Raises:
        SandboxError: the stand-in does not answer, or has no dataset.
        SandboxUsage: it has none of that name.
    """
    quiet.start()
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    options = ClientOptions(api_endpoint=f"http://{address}")
    client = bigquery.Client(project, credentials=AnonymousCredentials(), client_options=options)
    with _told():
        names = [each.dataset_id for each in client.list_datasets(retry=None, timeout=_ANSWER_SEC)]
        if dataset is not None and dataset.removeprefix(f"{project}.") in names:
            return Console(client, dataset.removeprefix(f"{project}."))
        if dataset is not None:
            known = ", ".join(names) or "there is none"
            raise SandboxUsage(f"no dataset {dataset!r}", f"one of: {known}")
        if not names:
            raise SandboxError("the stand-in has no dataset", "payments tables create")
        made = {name: client.get_dataset(name, retry=None).created for name in names}
    return Console(client, max(names, key=lambda name: (made[name], name)))


def run(console: Console, options: argparse.Namespace, history: Path) -> int:
    """Runs one query, or the prompt when there is none."""
    if options.query is not None:
        _show(console.ask(options.query), options.json)
        return exit_codes.WELL
    if not sys.stdin.isatty():  # a script
        _show(console.ask(sys.stdin.read()), options.json)
        return exit_codes.WELL
    print(f"dataset {console.dataset}; {_HELP}", file=sys.stderr)
    _keep(history)
    prompt(console, options.json)
    return exit_codes.WELL


def prompt(console: Console, as_json: bool, read: Callable[[str], str] = input) -> None:
    """Answers queries until the end of what is typed; a mistake is a line, and no end."""
    lines: list[str] = []
    while True:
        try:
            line = read(_MORE if lines else _PROMPT)
        except EOFError:
            print(file=sys.stderr)
            return
        except KeyboardInterrupt:  # as in every shell: what was typed is dropped
            print(file=sys.stderr)
            lines = []
            continue
        if not lines and line.strip() in ("\\q", "exit", "quit"):
            return
        lines.append(line)
        command = line.strip().startswith("\\")
        if not (command or not line.strip() or line.rstrip().endswith(";")):
            continue
        query, lines = "\n".join(lines).strip(), []
        if query.rstrip(";").strip():
            _answer(console, query, as_json)


def _answer(console: Console, query: str, as_json: bool) -> None:
    try:
        if query.startswith("\\"):
            if query != "\\d":
                raise QueryError(f"{query.split(maxsplit=1)[0]} is no command", _HELP)
            _show(console.tables(), as_json)
        else:
            _show(console.ask(query), as_json)
    except SandboxError as error:
        exit_codes.told(error, error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def _show(answer: Answer, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows_text.documents(*answer), indent=2, ensure_ascii=False))
    elif answer.columns:
        print(rows_text.aligned(*answer))
    else:
        print("done", file=sys.stderr)


def _keep(history: Path) -> None:
    """Lets the arrow keys find what was typed before; without readline there are none."""
    try:
        import readline
    except ModuleNotFoundError:
        return
    with contextlib.suppress(OSError):  # there is none yet
        readline.read_history_file(history)
    readline.set_history_length(_HISTORY_LINES_MAX)

    def write() -> None:
        with contextlib.suppress(OSError):
            readline.write_history_file(history)

    atexit.register(write)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turns what Google's client raises into one line."""
    import requests
    from google.api_core import exceptions

    try:
        yield
    except exceptions.ServerError as error:
        raise SandboxError(f"the stand-in failed: {_one_line(error.message)}") from None
    except exceptions.GoogleAPICallError as error:
        raise QueryError(_one_line(error.message)) from None
    except (requests.RequestException, TimeoutError):
        hint = "python -m sandbox status"
        raise SandboxError("BigQuery's stand-in does not answer", hint) from None


def _one_line(message: Any) -> str:
    # Google's client adds where the job ran, and its id, which nobody needs here.
    said = str(message).partition("\n\nLocation: ")[0]
    return " ".join(said.split())[:500]
