"""Training curves for other programs: the command `export`, and --tensorboard and --wandb while a run goes on."""

import shlex
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from rich.console import Console

from fisc.records.errors import RecordError
from fisc.records.store import RunFolder
from fisc.records.tensorboard import EventWriter
from fisc.records.tensorboard import export as export_events
from fisc.records.weights_and_biases import CurveSender
from fisc.records.weights_and_biases import export as send

console = Console(highlight=False)


def export(options: Namespace) -> None:
    """Write a run's training curves for another program."""
    run = RunFolder.open(options.run)
    if options.program == "tensorboard":
        out = Path(options.out or run.path / "tensorboard")
        text = f"{export_events(run, out):,} points in {out}; look at them with: tensorboard --logdir {out}"
    else:
        with console.status("sending"):
            rows, place = send(run, options.project, options.entity)
        text = f"{rows:,} points: {place}"
    console.print(text, soft_wrap=True, markup=False)


@contextmanager
def follow(options: Namespace, folder: Path, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Open what --tensorboard and --wandb ask for, and yield what brings it up to date with the run folder."""
    run = RunFolder(folder)
    with ExitStack() as stack:
        writers: list[EventWriter | Bystander] = []
        if options.tensorboard:
            writers.append(stack.enter_context(EventWriter(run, folder / "tensorboard")))
        if options.wandb is not None:
            writers.append(stack.enter_context(Bystander(CurveSender(run, options.wandb), say)))

        def catch_up() -> None:
            """Write what is new."""
            for writer in writers:
                writer.update()

        yield catch_up


def curve_words(options: Namespace) -> tuple[str, ...]:
    """The words that ask a comparison for the curves that these options ask for."""
    sent = () if options.wandb is None else ("--wandb", options.wandb)
    return (*(["--tensorboard"] if options.tensorboard else []), *sent)


def check_curves(options: Namespace, folder: Path) -> None:
    """Find out whether curves can be written before anything is spent; nothing is written.

    Raises:
        RecordError: a library that is missing, or nobody is logged in.
    """
    with follow(options, folder, console.print):
        pass


class Bystander:
    """Weights & Biases beside a run that goes on. If it fails, this is said, and the run goes on without it.

    A network that is down for a while is no failure: the library waits for it, with what is to be sent on the disk.

    Args:
        sender: what sends the curves.
        say: told where they are, and why no more come.
    """

    def __init__(self, sender: CurveSender, say: Callable[[str], None]):
        self.sender, self.say = sender, say
        self.has_failed = self.has_said_where = False

    def __enter__(self) -> "Bystander":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._tolerating():
            self.sender.close(failed=kind is not None)

    def update(self) -> None:
        """Send what is new, unless sending has failed before."""
        if self.has_failed:
            return
        with self._tolerating():
            if self.sender.update() and not self.has_said_where:
                self.say(f"curves: {self.sender.place}")
                self.has_said_where = True

    @contextmanager
    def _tolerating(self) -> Iterator[None]:
        """Say once what went wrong and how to make up for it."""
        try:
            yield
        except RecordError as error:
            if not self.has_failed:
                run, project = str(self.sender.run.path), self.sender.project
                again = shlex.join(["fisc", "export", "wandb", run, "--project", project])
                self.say(f"{error}; the run itself is not affected. To send its curves when that is mended: {again}")
            self.has_failed = True
