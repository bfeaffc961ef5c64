"""One frame for all commands of ``unimargin``, and what an error looks like.

Exit codes: 0 done, 1 the run found a problem it reports, 2 bad usage or bad input (one line on
stderr), 130 Ctrl-C, 141 the reader of our output has gone.
A command's module is imported only when the command is called, so that help and the first line of
a run come at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from simulator.build_info import distribution_version, stale_notice
from simulator.cli.ctrl_c import CTRL_C, INTERRUPTED
from simulator.errors import InputError
from simulator.store.behind import wait_for_all

COMMANDS = {
    "run": "Replay market data under one or both account modes and compare.",
    "scenarios": "List the scenarios that `run` knows by name.",
    "population": "Draw populations of accounts and describe them.",
    "margin": "Compute the margin of a document of positions.",
    "audit": "Check every step of an account between the modes.",
    "advise": "Say which account mode suits an account, and why.",
    "rulebook": "List and show rulebooks.",
    "quiz": "Answer the questionnaire on portfolio margin.",
    "data": "Import, fetch, check and describe market data.",
    "bench": "Measure the speed of this machine.",
    "resume": "Go on with a stored run.",
    "verify": "Check a stored run against its journal.",
    "db": "List the runs of a database, or upgrade it.",
    "serve": "Serve the API and the dashboard.",
    "sweep": "Run a grid of parameters.",
}
"""Commands and their line in the help; each lives in ``simulator.cli.NAME`` as ``app``."""


class LazyGroup(TyperGroup):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands whose modules are there, in the order of ``COMMANDS``."""
        return [name for name in COMMANDS if find_spec(f"simulator.cli.{name}") is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command for the help: a name and a sentence, nothing imported."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        if cmd_name in self.list_commands(ctx):
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called, then resolve it as usual."""
        name = args[0] if args else ""
        if name in self.list_commands(ctx):
            command = get_command(import_module(f"simulator.cli.{name}").app)
            command.name = name
            self.commands[name] = command
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="unimargin",
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unimargin {distribution_version()}")
        raise typer.Exit


@app.callback()
def frame(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Exchange simulator with two account modes: separated wallets and unified margin."""


def fail(message: str) -> int:
    """Print one line to stderr; return the exit code of bad usage and bad input."""
    print(f"unimargin: {' '.join(message.split())}", file=sys.stderr)
    return 2


# Typer brings its own copy of click in some versions and imports it in others.
_UsageError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if stale := stale_notice():
        return fail(stale)
    try:
        try:
            code = get_command(app).main(
                args=None if arguments is None else list(arguments),
                prog_name="unimargin",
                standalone_mode=False,
            )
        finally:
            wait_for_all(_note)  # what the command began it ends, whichever way it ended
        sys.stdout.flush()
        if code == INTERRUPTED:  # some versions of Typer turn Ctrl-C into this code and say nothing
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except InputError as error:
        return fail(str(error))
    except _UsageError as error:
        text = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":
            print(text, file=sys.stderr)
            return 2
        where = "" if error.ctx is None else f" (see {error.ctx.command_path} --help)"
        return fail(f"{text.rstrip('.')}{where}")
    except (KeyboardInterrupt, typer.Abort):
        return CTRL_C.say()
    except BrokenPipeError:
        # The reader (head, less) has gone; Python must not complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
