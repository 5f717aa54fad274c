"""A progress line: a live bar on a terminal, a line now and then elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fisc.scenarios.training import Report

SECONDS_BETWEEN_LINES = 10.0


class ProgressLine:
    """Shows what a run is doing."""

    def __init__(self, console: Console):
        self.console = console
        self.last = 0.0
        self.bar = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.tasks: dict[str, int] = {}

    def __enter__(self) -> "ProgressLine":
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def note(self, text: str) -> None:
        """Say in words what happens now."""
        self.console.print(f"[dim]{text}[/dim]")

    def report(self, report: Report) -> None:
        """Show how far training is."""
        text = f"welfare {report.welfare:,.5g}"
        if report.seconds_left is not None:
            minutes, seconds = divmod(int(report.seconds_left), 60)
            text = f"{report.steps_per_second:,.0f} steps/s · {text} · {minutes}:{seconds:02d} left"
        if self.console.is_terminal:
            if report.group not in self.tasks:
                self.tasks[report.group] = self.bar.add_task(report.group, total=report.num_updates, text="")
            self.bar.update(self.tasks[report.group], completed=report.update, text=text)
        elif time.monotonic() - self.last > SECONDS_BETWEEN_LINES or report.update == report.num_updates:
            self.last = time.monotonic()
            self.console.print(f"{report.group}: update {report.update}/{report.num_updates} · {text}")
