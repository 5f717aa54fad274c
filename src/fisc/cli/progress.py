"""A progress line: a live bar on a terminal, a line now and then elsewhere, and for how long the same goes on."""

import threading
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from fisc.scenarios.training import Report

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_SILENCE = 30.0
"""Without a terminal, what is going on is said again after so long."""
SECONDS_BETWEEN_BEATS = 1.0


class ProgressLine:
    """Shows what a run is doing, also while it compiles and has nothing to report."""

    def __init__(self, console: Console):
        self.console = console
        self.last = 0.0
        self.bar = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.tasks: dict[str, int] = {}
        self.pulse = self.bar.add_task("", total=None, visible=False, count="", text="")
        self.doing: tuple[str, float] | None = None
        """What was last said to begin, and when; None once something came of it."""
        self.said = 0.0
        self.stopped = threading.Event()
        self.heart = threading.Thread(target=self._keep_beating, daemon=True)

    def __enter__(self) -> "ProgressLine":
        self.bar.start()
        self.heart.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopped.set()
        self.heart.join()
        self.bar.stop()

    def note(self, text: str) -> None:
        """Say in words what happens now."""
        self._print(text, "dim")
        self.said = time.monotonic()
        self.doing = (text, self.said)

    def beat(self, now: float) -> None:
        """Say for how long the same is going on: at every beat on a terminal, after a silence elsewhere.

        Args:
            now: seconds, of the monotonic clock.
        """
        doing = self.doing  # the main thread may change it at any moment
        if doing is None:
            self.bar.update(self.pulse, visible=False)
            return
        what, since = doing
        text = f"{what} · {_minutes(now - since)}"
        if self.console.is_terminal:
            self.bar.update(self.pulse, text=text, visible=True)
        elif now - self.said >= SECONDS_OF_SILENCE:
            self.said = now
            self._print(text, "dim")

    def report(self, report: Report) -> None:
        """Show how far training is."""
        self.doing = None
        text = f"welfare {report.welfare:,.5g}"
        if report.seconds_left is not None:
            text = f"{report.steps_per_second:,.0f} steps/s · {text} · {_minutes(report.seconds_left)} left"
        count = f"{report.update}/{report.num_updates}"
        if self.console.is_terminal:
            if report.group not in self.tasks:
                self.tasks[report.group] = self.bar.add_task(report.group, total=report.num_updates, count="", text="")
            self.bar.update(self.tasks[report.group], completed=report.update, count=count, text=text)
        elif time.monotonic() - self.last > SECONDS_BETWEEN_LINES or report.update == report.num_updates:
            self.last = time.monotonic()
            self._print(f"{report.group}: update {count} · {text}")

    def _print(self, text: str, style: str | None = None) -> None:
        """In one line however narrow the terminal, with the brackets of a path as they are."""
        self.console.print(text, style=style, soft_wrap=True, markup=False)

    def _keep_beating(self) -> None:
        while not self.stopped.wait(SECONDS_BETWEEN_BEATS):
            self.beat(time.monotonic())


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
