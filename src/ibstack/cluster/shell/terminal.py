# SPDX-License-Identifier: Apache-2.0
"""A session in a terminal: lines are edited, completed and remembered; events come in between."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import Completer
from prompt_toolkit.completion import Completion as Offer
from prompt_toolkit.filters import is_searching
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.search import accept_search
from prompt_toolkit.shortcuts import CompleteStyle

from ibstack.cluster.shell.completion import complete
from ibstack.cluster.shell.grammar import quote
from ibstack.cluster.shell.history_file import open_history, usual_path
from ibstack.cluster.shell.lines import is_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from ibstack.cluster.rollout.backend import Job
    from ibstack.cluster.shell.session import Session

_RED: Final = "\033[31m"
_PLAIN: Final = "\033[0m"
_EDITOR: Final = "vi"


def colour_wanted(asked: str | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is to be colour: as *asked* (yes or no), else unless NO_COLOR is set."""
    if asked is not None:
        return asked == "yes"
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def own_commands(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of the commands that a person's sessions begin with, as `export` writes."""
    folder = environment.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "ibstack" / "shellrc"


class Terminal:
    """Reads lines from a person and runs them in a session."""

    def __init__(
        self,
        session: Session,
        *,
        colour: bool,
        history: History | None = None,
        commands: Path | None = None,
        keyboard: Input | None = None,
        screen: Output | None = None,
    ) -> None:
        """*history*: the person's own where it is None.  *keyboard*, *screen*: the terminal's.

        *commands*: a file of commands that are run first, if it is there.
        """
        self._commands = commands
        self._session = session
        self._colour = colour
        self._prompt: PromptSession[str] = PromptSession(
            history=history if history is not None else open_history(usual_path()),
            completer=ShellCompleter(session),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            enable_history_search=False,
            multiline=True,
            prompt_continuation="> ",
            key_bindings=_keys(),
            input=keyboard,
            output=screen,
        )
        session.attend(self._edit, time.sleep)
        session.hosts.progress = _show_progress
        output = session.output
        output.on_event = self._wake
        if colour:
            output.errors = cast("TextIO", _Red(output.errors))

    def run(self) -> None:
        """Run the person's own commands, and lines until they leave."""
        if self._commands is not None and self._commands.is_file():
            self._session.run(f"run {quote(str(self._commands))}")
        while not self._session.finished:
            self._tell_events()
            try:
                line = self._prompt.prompt(self._painted_prompt)
            except KeyboardInterrupt:
                continue
            except EOFError:
                self._session.finished = True
            else:
                self._run(line)
            if self._session.finished and not (self._may_leave() and self._jobs_end()):
                self._session.finished = False
        self._tell_events()

    def _run(self, line: str) -> None:
        try:
            self._session.run(line)
        except KeyboardInterrupt:
            print("interrupted; modified lists what is not committed", file=sys.stderr)

    def _may_leave(self) -> bool:
        """Ask, where leaving drops changes."""
        lost = len(self._session.draft.edits)
        if not lost:
            return True
        what = "An object is" if lost == 1 else f"{lost} objects are"
        question = f"{what} changed and not committed.  Leave all the same? [y/N] "
        asking: PromptSession[str] = PromptSession(
            input=self._prompt.input, output=self._prompt.output
        )
        try:
            return asking.prompt(question).strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            return False
        except EOFError:
            return True  # Who asks twice means it; and a terminal that is gone answers nothing.

    def _jobs_end(self) -> bool:
        """Wait for jobs, which end with the shell; False: the person would rather stay."""
        running = len(self._session.hosts.jobs.unfinished)
        if not running:
            return True
        what = "a job is" if running == 1 else f"{running} jobs are"
        print(f"{what} not done yet: leaving when done; Ctrl-C stays here", file=sys.stderr)
        try:
            self._session.hosts.wait_for_jobs()
        except KeyboardInterrupt:
            return False
        return True

    def _painted_prompt(self) -> FormattedText:
        text = self._session.prompt
        if not self._colour:
            return FormattedText([("", text)])
        pieces = [("bold", piece) for piece in text.split("*")]
        stars = [("bold ansiyellow", "*")] * len(pieces)
        pairs = zip(pieces, stars, strict=True)
        return FormattedText([each for pair in pairs for each in pair][:-1])

    def _tell_events(self) -> None:
        self._session.output.tell(list(self._session.output.pending_events()))

    def _wake(self) -> None:
        """Print events above the line that is being typed; called from any thread."""
        app = self._prompt.app
        if app.is_running and app.loop is not None:
            app.loop.call_soon_threadsafe(lambda: run_in_terminal(self._tell_events))

    def _edit(self, text: str) -> str:
        """Let the person edit *text* in the editor of their choice."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _EDITOR
        with tempfile.TemporaryDirectory(prefix="ibstack-") as folder:
            file = Path(folder) / "value"
            file.write_text(text, encoding="utf-8")
            self._session.unix.run(f"{editor} {shlex.quote(str(file))}")
            return file.read_text(encoding="utf-8")


def _show_progress(jobs: Sequence[Job]) -> None:
    """Show how far the first of *jobs* is, in place; nothing where nobody sees it."""
    if not sys.stderr.isatty():
        return
    text = ""
    if jobs:
        percent = jobs[0].percent()
        text = str(jobs[0]) if percent is None else f"{jobs[0]}: {percent} %"
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


class ShellCompleter(Completer):
    """Tells the editor of lines what the shell knows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Offer]:
        session = self._session
        text = document.text_before_cursor
        found = complete(text, session.place, session.draft, session.vocabulary, files)
        alone = len(found.words) == 1 and not document.current_char.isspace()
        for word in found.words:
            end = " " if alone and not word.endswith("/") else ""
            yield Offer(word + end, found.start - len(text), display=_shown(word))


def files(prefix: str) -> Iterable[str]:
    """Return the paths that begin with *prefix*; folders end with a slash."""
    folder, slash, name = prefix.rpartition("/")
    try:
        found = sorted(Path(os.path.expanduser(folder + slash) or ".").iterdir())
    except OSError:
        return []
    return [
        f"{folder}{slash}{each.name}{'/' if each.is_dir() else ''}"
        for each in found
        if each.name.startswith(name) and (name or not each.name.startswith("."))
    ]


def _shown(word: str) -> str:
    """Return what a list of candidates shows: the last of a path, or of a list of names."""
    end = "/" * word.endswith("/")
    return re.split(r"/|,|\.\.", word.rstrip("/"))[-1] + end


def _keys() -> KeyBindings:
    """Bind Enter: a line that is open goes on in the next, and one that Ctrl-R has found is run."""
    keys = KeyBindings()

    @keys.add("enter", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        _enter(event.current_buffer)

    @keys.add("enter", filter=is_searching)
    def _(event: KeyPressEvent) -> None:
        accept_search()
        _enter(event.app.current_buffer)

    return keys


def _enter(buffer: Buffer) -> None:
    if is_open(buffer.text):
        buffer.insert_text("\n")
    else:
        buffer.validate_and_handle()


class _Red(io.TextIOBase):
    """Paints what is written to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(f"{_RED}{text}{_PLAIN}" if text.strip() else text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()
