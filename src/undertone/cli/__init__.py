"""The command line: `undertone VERB`. One file a group of verbs; each verb is a few lines over a room's front door.

`--json` prints one JSON object as the last line of stdout. Bad input ends with exit code 2 and one line on stderr.
"""

import sys

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from undertone.errors import UndertoneError


def build() -> typer.Typer:
    """All verbs. Rooms are imported here, not at the top, so that `undertone --help` is quick."""
    from undertone.cli import (
        chat,
        context,
        demo,
        doctor,
        evaluate,
        evaluate_memory,
        evaluate_rails,
        imports,
        keys,
        person,
        personas,
        profile,
        report,
        report_safety,
        serve,
        train,
    )

    app = typer.Typer(
        name="undertone",
        help="The conversation engine for companion and creator chat.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.command("serve")(serve.serve)
    app.command("worker")(serve.worker)
    app.command("migrate")(serve.migrate)
    app.command("chat")(chat.chat)
    app.command("doctor")(doctor.doctor)
    app.command("context")(context.context)
    app.command("train")(train.train)
    app.command("erase")(person.erase)
    app.command("demo")(demo.demo)
    app.command("report")(report.report)
    app.add_typer(report_safety.app, name="ledger")
    person.export.command("card")(personas.export_card)
    app.add_typer(person.export, name="export")
    imports.app.command("card")(personas.import_card)
    app.add_typer(imports.app, name="import")
    app.add_typer(personas.app, name="personas")
    app.add_typer(keys.app, name="keys")
    app.add_typer(profile.app, name="profile")
    evaluate.app.command("memory")(evaluate_memory.evaluate_memory)
    evaluate.app.command("rails")(evaluate_rails.evaluate_rails)
    app.add_typer(evaluate.app, name="evaluate")
    return app


def main() -> None:
    """Entry point of the `undertone` command."""
    try:
        build()()
    except UndertoneError as error:
        sys.stderr.write(f"undertone: {error.detail}\n")
        raise SystemExit(2 if error.status < 500 else 1) from None
    except (ValidationError, SettingsError) as error:
        if isinstance(error, ValidationError) and error.title != "Settings":
            raise
        sys.stderr.write(f"undertone: {_wrong_setting(error)}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _wrong_setting(error: ValidationError | SettingsError) -> str:
    """Which setting cannot be read, and why, in one line. Its value is left out: it may be a secret."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        name, why = str(first["loc"][0]), str(first["msg"])
    else:
        name, why = str(error).partition('field "')[2].partition('"')[0], "it is not valid JSON"
    name = "DATABASE_URL" if name.lower() == "database_url" else f"UNDERTONE_{name.upper().removeprefix('UNDERTONE_')}"
    return f"The setting {name} cannot be read: {why.removeprefix('Value error, ')}."
