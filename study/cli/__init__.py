"""The command ``fitscape``. Modules of the commands import what is heavy inside the command that needs it."""

import atexit
import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

from fitscape.study.cli.output import flush, mute
from fitscape.study.errors import ExitCode, UserError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code (study/errors.py).

    What a user can fix is one line on stderr (only a changed study has a line for each difference).
    ``--debug``, anywhere, shows the traceback too; ``--lang ko``, anywhere, puts reports and summaries into Korean.
    """
    _require_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != "--debug"]
    code = _run(words, debug=len(words) < len(given))
    if arguments is None:
        leave(code)
    sys.exit(code)


def _require_streams() -> None:
    """Where the shell has closed them (``>&-``): what is printed goes nowhere, and no file takes their numbers."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):  # a bar in ASCII or Latin-1 is a question mark, and no fault
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def leave(code: int) -> NoReturn:
    """End the process without Python's own end, but for the functions that modules asked to have called at exit.

    A refused study may leave a thread that still imports torch, and Python's end would abort in it; where no thread is
    left, tearing down torch takes up to two seconds, of the three that ``ray job stop`` leaves after SIGTERM.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others and not any(thread.daemon for thread in others):
        sys.exit(code)  # they want to be waited for
    if not others:
        atexit._run_exitfuncs()
    flush()
    os._exit(code)


def _run(words: list[str], *, debug: bool) -> int:
    from fitscape.study.cli.app import app
    from fitscape.study.report.language import using

    try:
        words, language = _language(words)
        with using(language):
            code = app(words or ["--help"], prog_name="fitscape", standalone_mode=False)
        flush()
        return int(code or ExitCode.DONE)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        mute()
        return ExitCode.DONE
    except SystemExit:
        if type(sys.stdout).__name__ != "PacifyFlushWrapper":  # what click makes of a reader that has left
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.DONE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debug:
            raise
        if type(error).__name__ == "Abort":  # Ctrl-C inside typer
            return ExitCode.INTERRUPTED
        text, code = _explained(error)
        print(f"fitscape: {text.strip()}", file=sys.stderr)
        return code


def _language(words: list[str]) -> tuple[list[str], str | None]:
    """The words without ``--lang NAME``, and the name."""
    kept, language = [], None
    for word in (following := iter(words)):
        name, _, value = word.partition("=")
        if name == "--lang":
            language = value or next(following, "")
        else:
            kept.append(word)
    return kept, language


def _value_refused(error: Exception) -> str:
    """What our own parser said of an option's value, or of what number it is none, without the words that typer puts
    around that; empty for any other error."""
    told = error.__cause__ or error.__context__
    said: dict[str, Any] = next(iter(getattr(told, "errors", list)()), {})  # pydantic's, in newer versions of typer
    own = said.get("ctx", {}).get("error", told)
    if isinstance(own, UserError):
        return str(own)
    kind = {"int_parsing": "a whole number", "float_parsing": "a number"}.get(said.get("type", ""))
    options = getattr(getattr(error, "param", None), "opts", None)
    return f"{options[0]}: '{said['input']}' is not {kind}" if kind and options else ""


def _explained(error: Exception) -> tuple[str, int]:
    if isinstance(error, UserError):
        return str(error), error.exit_code
    usage = getattr(error, "format_message", None)  # typer's own errors, in every version of it
    if usage is not None:
        if told := _value_refused(error):
            return told, ExitCode.BAD_INPUT
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "fitscape"
        return f"{usage().rstrip('.')} (see {command} --help)", ExitCode.BAD_INPUT
    first = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {first}; this is a fault of fitscape, run again with --debug", 1
