"""The commands `watch` and `breakdown`: an episode is read or played, and shown."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from fisc.analysis.breakdown import ACTIVITIES, break_down
from fisc.core.errors import ConfigError
from fisc.records.episode import SUFFIX, Episode, read_episode, write_episode
from fisc.records.episode_map import ECONOMY, MapEpisode, read_map

console = Console(highlight=False)

FILMS, PICTURES = (".gif", ".mp4"), (".png", ".svg")


def watch(options: Namespace) -> None:
    """Show an episode in the terminal, or write it as a film, a picture or a file.

    Raises:
        ConfigError: a flag that does not fit, before anything is played.
        RecordError: an episode that cannot be read or drawn.
        RunError: with --check, if playing the episode again does not give the same.
    """
    out = None if options.out is None else Path(options.out)
    _check_flags(options, out)
    episode = find_episode(options, is_drawn=out is None or out.suffix != SUFFIX)
    if options.check:
        _check_replay(episode)
    if out is not None and out.suffix == SUFFIX:
        _wrote(write_episode(out, episode), f"{episode.steps:,} steps")
        return
    told = read_map(episode)
    frames = _frames(options, told)
    if out is None:
        from fisc.plots.watch_terminal import play

        with suppress(KeyboardInterrupt):  # the natural way to stop looking
            play(told, frames, options.speed, console)
    elif out.suffix in FILMS:
        _write_film(out, told, frames, options.speed)
    else:
        _write_strip(out, told)


def breakdown(options: Namespace) -> None:
    """Print who did what in an episode and what came of it, and draw and write it if --out is given.

    Raises:
        ConfigError, RecordError: as `watch`.
    """
    if options.out is not None and not options.force:
        from fisc.plots.breakdown import file_names

        _refuse_to_replace(Path(options.out) / name for name in file_names())
    told = read_map(find_episode(options, is_drawn=True))
    broken = break_down(told)
    if options.out is not None:  # first: whoever reads the tables may stop reading
        from fisc.plots.breakdown import write_breakdown

        paths = write_breakdown(broken, Path(options.out))
    console.print(Text(told.episode.title, "bold"))
    for table in (_outcome(broken), _deeds(broken), _efforts(broken), _incomes(broken), _prices(broken)):
        console.print()
        console.print(table)
    if options.out is not None:
        console.print(f"\n{len(paths)} files in {options.out}: {', '.join(path.name for path in paths)}")


def find_episode(options: Namespace, is_drawn: bool) -> Episode:
    """Read the episode, or play one in the economy that the source names.

    Args:
        options: source, arm, seed, players and set as given, None or empty where they are not.
        is_drawn: whether it must have a map.

    Raises:
        ConfigError: a flag or source that does not fit.
        RecordError: a file that is no episode.
    """
    if Path(options.source).suffix == SUFFIX:
        for flag in ("arm", "seed", "players", "set"):
            if getattr(options, flag) not in (None, []):
                raise ConfigError(
                    f"--{flag}: {options.source} is recorded already; leave the flag out, or give a source"
                )
        return read_episode(options.source)
    from fisc.scenarios.episodes import record
    from fisc.scenarios.registry import parse_overrides
    from fisc.scenarios.sources import stage

    seed = options.seed or 0
    if seed < 0:
        raise ConfigError(f"--seed is {seed}: expected at least 0")
    with console.status("making the economy"):
        made = stage(options.source, options.arm, seed, options.players, parse_overrides(options.set))
    spec = made.setting.economy.spec
    if is_drawn and spec.name != ECONOMY:
        raise ConfigError(
            f"{options.source} plays in the economy '{spec.name}', which has no map to show: record it with "
            f"--out FILE{SUFFIX}, or give a scenario of '{ECONOMY}'"
        )
    who = ", ".join(f"{role}: {player}" for role, player in made.players.items())
    console.print(Text(f"playing {spec.steps:,} steps ({who}); compiling takes up to a minute the first time", "dim"))
    with console.status("playing"):
        return record(made, seed)


def _check_flags(options: Namespace, out: Path | None) -> None:
    """Refuse what cannot work before anything is played."""
    known = (*FILMS, *PICTURES, SUFFIX)
    if out is not None and out.suffix not in known:
        raise ConfigError(f"--out {out}: its ending must be one of {', '.join(known)}")
    if out is not None and out.suffix == ".mp4":
        from fisc.plots.watch import require_ffmpeg

        require_ffmpeg(out)
    if out is not None and out.suffix in (*PICTURES, SUFFIX):
        for flag in ("steps", "every"):
            if getattr(options, flag) is not None:
                raise ConfigError(f"--{flag} is for films and the terminal: {out.name} holds the whole episode")
    if options.every is not None and options.every < 1:
        raise ConfigError(f"--every is {options.every}: expected at least 1")
    if not 0 < options.speed <= 100:
        raise ConfigError(f"--speed is {options.speed:g}: expected frames per second above 0, at most 100")
    if out is not None and not options.force:
        _refuse_to_replace([out, *([out.with_suffix(".csv")] if out.suffix in PICTURES else [])])


def _refuse_to_replace(paths: Iterable[Path]) -> None:
    """What took minutes to play or draw is not lost to a forgotten name."""
    for path in paths:
        if path.exists():
            raise ConfigError(f"{path} already exists: choose another --out, or give --force to replace it")


def _frames(options: Namespace, told: MapEpisode) -> list[int]:
    """Read --steps and --every."""
    from fisc.plots.watch import frames_of

    first, last = 0, told.steps
    if options.steps is not None:
        start, colon, end = options.steps.partition(":")
        try:
            first, last = int(start or 0), int(end or told.steps)
        except ValueError:
            colon = ""
        if not colon or not 0 <= first < last <= told.steps:
            raise ConfigError(f"--steps {options.steps}: expected FIRST:LAST within 0:{told.steps}")
    return frames_of((first, last), options.every)


def _check_replay(episode: Episode) -> None:
    from fisc.scenarios.episodes import replay
    from fisc.scenarios.sources import rebuild

    with console.status("playing again"):
        replay(episode, rebuild(episode.header["source"]))
    console.print(f"played again: all {episode.steps + 1:,} states are the same, bit for bit")


def _write_film(out: Path, told: MapEpisode, frames: list[int], speed: float) -> None:
    from fisc.plots.watch import write_film

    shown = track(frames, "drawing", console=console, disable=not console.is_terminal, transient=True)
    _wrote(write_film(out, told, shown, speed, _noter(len(frames))), f"{len(frames)} frames")


def _noter(total: int) -> Callable[[int], None]:
    """A line at every quarter, where no bar can be drawn."""

    def note(done: int) -> None:
        """Say how many frames are drawn, at every quarter."""
        if not console.is_terminal and total >= 40 and done < total and done % -(-total // 4) == 0:
            console.print(f"drawn: {done} of {total} frames", style="dim")

    return note


def _write_strip(out: Path, told: MapEpisode) -> None:
    from fisc.plots.strip import draw_strip
    from fisc.plots.style import save_picture

    figure, table = draw_strip(told)
    _wrote(save_picture(figure, table, out), f"and the table behind it, {out.stem}.csv")


def _wrote(path: Path, what: str) -> None:
    console.print(f"{path}: {what}, {path.stat().st_size / 1000:,.0f} kB", soft_wrap=True)


def _table(title: str, heads: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1),
                  collapse_padding=True)  # fmt: skip
    for k, head in enumerate(heads):
        table.add_column(head, justify="right" if k else "left", header_style="dim")
    return table


def _outcome(broken) -> Table:
    """What the papers judge an episode by."""
    value = dict(broken.outcome.select("measure", "value").iter_rows())
    table = _table("What it came to", ["", "", ""])
    table.show_header, table.columns[2].justify = False, "left"
    table.add_row("productivity", f"{value['productivity']:,.1f}", "coin that a citizen owns at the end, on average")
    table.add_row("equality", f"{value['equality']:.3f}", "1 - Gini index of that coin: 1 if all own the same")
    table.add_row("welfare", f"{value['equality_times_productivity']:,.1f}", "equality x productivity, coin")
    return table


def _deeds(broken) -> Table:
    """Who gathered, built and traded how much."""
    goods = broken.goods
    heads = ["", "coin a\nhouse", *[f"{good}\ngathered" for good in goods], "houses\nbuilt"]
    heads += [f"{good}\n{verb}" for good in goods for verb in ("sold", "bought")]
    table = _table("What they did (units)", heads)
    for row in broken.citizens.iter_rows(named=True):
        traded = [str(row[f"{verb}_{good}"]) for good in goods for verb in ("sold", "bought")]
        gathered = [str(row[f"gathered_{good}"]) for good in goods]
        table.add_row(row["citizen"], f"{row['build_payment']:.3g}", *gathered, str(row["houses"]), *traded)
    return table


def _efforts(broken) -> Table:
    """What labor went into."""
    table = _table("What they worked on (effort)", ["", *ACTIVITIES, "labor", "utility"])
    for row in broken.citizens.iter_rows(named=True):
        effort = [f"{row[f'labor_{what}']:,.0f}" for what in ACTIVITIES]
        table.add_row(row["citizen"], *effort, f"{row['labor']:,.0f}", f"{row['utility']:,.1f}")
    return table


def _incomes(broken) -> Table:
    """What came of it, coin by coin."""
    columns = {
        "from_houses": "houses",
        "from_sales": "sales",
        "for_purchases": "purchases",
        "income": "income",
        "tax": "tax",
        "transfer": "transfer",
        "redistributed": "redistributed",
        "income_after_tax": "after\ntax",
        "coin_end": "coin at\nthe end",
    }
    if not broken.citizens["redistributed"].abs().sum() > 0:
        del columns["redistributed"]
    table = _table("What came of it (coin)", ["", *columns.values()])
    for row in broken.citizens.iter_rows(named=True):
        signed = {name: -row[name] if name == "tax" else row[name] for name in columns}
        table.add_row(row["citizen"], *[f"{signed[name]:z,.0f}" for name in columns])
    total = {name: broken.citizens[name].sum() * (-1 if name == "tax" else 1) for name in columns}
    table.add_section()
    table.add_row("all", *[f"{total[name]:z,.0f}" for name in columns])
    return table


def _prices(broken) -> Table:
    """Mean prices by tax year, with the number of trades."""
    years = broken.years["year"].max()
    if years > 12:
        table = _table("Prices (mean, coin)", ["", "trades", "mean", "low", "high"])
        for good in broken.goods:
            prices = broken.trades.filter(broken.trades["good"] == good)["price"]
            mean = "–" if prices.is_empty() else f"{prices.mean():.1f}"
            table.add_row(
                good, str(len(prices)), mean, *("–" if x is None else str(x) for x in (prices.min(), prices.max()))
            )
        return table
    table = _table("Mean price by tax year, coin (units traded)", ["", *map(str, range(1, years + 1))])
    found = {(good, year): (count, mean) for good, year, count, mean, *_ in broken.prices.iter_rows()}
    for good in broken.goods:
        cells = [found.get((good, year)) for year in range(1, years + 1)]
        table.add_row(good, *["–" if cell is None else f"{cell[1]:.1f}\n({cell[0]})" for cell in cells])
    return table
