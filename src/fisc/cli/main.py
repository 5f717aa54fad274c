"""The command line: parsing only. It imports jax as late as it can, so that `fisc --help` answers at once."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from fisc.cli.blame import for_users

EPILOG = """\
examples:
  fisc compare us-2024                           what would other taxes do?
  fisc compare us-2024 --elasticity 0.5 --year 2026 --workers 10000
  fisc compare one-step --seeds 5 --budget full  does learning find the optimum?
  fisc solve one-step                            the exact optimum
  fisc best-response runs/one-step-full          would anybody gain alone?
  fisc sweep saez.toml --jobs 2                  many comparisons in parallel
  fisc plot runs/us-2024-quick                   draw figures and report again
"""


WATCH_EPILOG = """\
examples:
  fisc watch runs/gtb --arm planner                 trained citizens and planner
  fisc watch town.yaml --out town.npz               record, by rule of thumb
  fisc watch town.npz --out town.gif --steps 0:300  a film of its first 300
  fisc watch town.npz --out town.png                the episode in one figure
"""

SWEEP_EPILOG = """\
a job file:
  scenario = "one-step"
  arms = ["saez"]
  seeds = 3
  budget = "quick"
  [set]                               keys of the scenario for all points
  "economy.workers" = 100
  [grid]                              all combinations; or a table for each
  "taxes.saez_elasticity" = [0.2, 1]  point, [[list]]

files in the folder of --out:
  POINT/          the run folder of each point
  logs/POINT.log  what it said
  sweep.json      the state of every point
  sweep.parquet   swept keys, each arm's objective with its interval, and which
                  point is best; .csv: the same
"""

BREAKDOWN_EPILOG = """\
files in the folder of --out (docs/watching.md lists their columns):
  activity.png .svg .csv   what each citizen gathered, built, traded, worked on
  income.png .svg .csv     where income came from, and what taxes made of it
  trades.png .svg .csv     every unit traded at its price
  prices.csv               number, mean, low and high by good and tax year
  years.csv                income, tax, transfer, houses by citizen and tax year
  citizens.csv             everything about each citizen in the whole episode
  outcome.csv              productivity, equality and their product
"""


class Help(argparse.HelpFormatter):
    """Wraps a paragraph to the width of the terminal, and leaves examples, of several lines, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser with this kind of help, as its commands have. Flags are not guessed: --seed is not --seeds."""

    def __init__(self, **options):
        super().__init__(formatter_class=Help, allow_abbrev=False, **options)


def make_parser() -> argparse.ArgumentParser:
    """Every command with its flags."""
    parser = Parser(
        prog="fisc",
        description="Design and test economic policy by simulation and learning.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    parser.add_argument("--debug", action="store_true", help="show the full traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    compare = commands.add_parser("compare", help="train and compare tax systems; writes a run folder with a report")
    _scenario_flags(compare)
    _run_flags(compare)
    compare.add_argument(
        "--arms",
        help="tax systems, comma separated (see `fisc list`), or FILE.py:FUNCTION (default: the scenario's own)",
    )
    compare.add_argument(
        "--frontier",
        action="store_true",
        help="let one planner learn the whole trade-off between equality and productivity, and hold it against the "
        "exact frontier; sets --objective equality_times_productivity",
    )

    train = commands.add_parser("train", help="train one arm without drawing anything")
    _scenario_flags(train)
    _run_flags(train)
    train.add_argument("--arm", default="planner", help="the tax system to train under (default: planner)")

    _sweep_command(commands)

    solve = commands.add_parser("solve", help="the exact optimum of a scenario, without learning")
    _scenario_flags(solve)
    solve.add_argument("--seed", type=int, default=0, help="which draw of the population (default: 0)")
    solve.add_argument("--starts", type=int, default=5, help="starting points of the search (default: 5)")

    evaluate = commands.add_parser("evaluate", help="evaluate trained policies again")
    evaluate.add_argument("run", help="a run folder, a file of policies (fisc pack), or a preset that comes with some")
    evaluate.add_argument("--arm", help="of a preset's policies: the tax system (default: planner, or what there is)")

    _best_response_command(commands)
    _watching_commands(commands)

    plot = commands.add_parser("plot", help="draw the figures and the report of a run again")
    plot.add_argument("run", help="a run folder")

    _export_command(commands)
    _pack_command(commands)

    _reading_commands(commands)
    _import_command(commands)
    return parser


def _reading_commands(commands) -> None:
    listing = commands.add_parser("list", help="scenarios, arms, objectives, metrics and maps")
    listing.add_argument(
        "what", nargs="?", choices=("scenarios", "arms", "objectives", "metrics", "maps"), help="only one of them"
    )
    show = commands.add_parser("show", help="print a scenario with every key, those that it inherits included")
    _scenario_flags(show)
    cite = commands.add_parser("cite", help="the references of what a scenario uses")
    cite.add_argument("scenario", help="a preset or a .toml file")


def _import_command(commands) -> None:
    foundation = commands.add_parser(
        "import-foundation", help="turn a configuration of the reference program (ai-economist) into a scenario"
    )
    foundation.add_argument("file", help="YAML or JSON with a section env, as its training script takes it")
    foundation.add_argument("--out", help="write the scenario there, a new .toml file, instead of printing it")
    foundation.add_argument(
        "--convention",
        choices=("exact", "foundation"),
        default="exact",
        help="foundation keeps the reference program's known errors (default: exact)",
    )


def _best_response_command(commands) -> None:
    respond = commands.add_parser(
        "best-response",
        help="is a run an equilibrium? freeze everybody, retrain one role or one agent, and report its gain",
        description="Freeze everybody in a finished run, retrain one role (or one agent of it) as it was trained, "
        "and report what that gains: in reward, and relative to the reward gained in training.",
    )
    respond.add_argument("run", help="a run folder")
    respond.add_argument("--arm", help="tax system (default: the planner, if the run has one)")
    respond.add_argument("--role", help="who is retrained, such as citizen or planner (default: the first that learns)")
    respond.add_argument("--agent", type=int, metavar="I", help="retrain only this one, counted from 0")
    respond.add_argument(
        "--from",
        dest="start",
        choices=("trained", "untrained"),
        default="trained",
        help="begin from the trained policies; or, as a control that must find a gain, from the untrained ones",
    )
    respond.add_argument("--updates", type=int, metavar="N", help="how long (default: as long as the arm was trained)")
    respond.add_argument(
        "--algorithm", metavar="A,B", help="ppo, policy_gradient, or both: the better one is kept (default: as trained)"
    )
    respond.add_argument(
        "--learning-rate", metavar="X,Y", help="one or several, of which the best is kept (default: as trained)"
    )
    respond.add_argument(
        "--at", type=int, metavar="UPDATE", help="ask about an earlier time of training, whose checkpoint was kept"
    )
    respond.add_argument("--seeds", help="how many of the run's seeds, or which: 2, or 0,3 (default: all)")
    respond.add_argument(
        "--episodes", type=int, metavar="N", help="episodes of each evaluation (default: as the run's own evaluation)"
    )
    respond.add_argument(
        "--out", metavar="DIR", help="folder for the answer, new or empty (default: in RUN/best-response)"
    )
    respond.add_argument("--resume", action="store_true", help="go on with the answer in --out, if there is one")


def _sweep_command(commands) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="many comparisons from one job file, in parallel; ends with one table over all",
        description="Run `fisc compare` for every point of a grid or list, each in a process and folder of its own.",
        epilog=SWEEP_EPILOG,
    )
    sweep.add_argument("file", help="the job file, .toml (docs/sweeps.md shows one)")
    sweep.add_argument(
        "--jobs", type=int, metavar="N", help="comparisons at a time (default: one for each core; on a cluster all)"
    )
    sweep.add_argument(
        "--cluster",
        choices=("slurm", "local"),
        help="submit each point as a job: slurm, or local to try it out here (needs fisc[cluster])",
    )
    sweep.add_argument("--out", metavar="DIR", help="folder of the sweep, new or empty (default: runs/FILE)")
    sweep.add_argument("--resume", action="store_true", help="go on with the sweep in --out, if there is one")
    sweep.add_argument("--dry-run", action="store_true", help="check everything and print what would be run")
    _curve_flags(sweep)


def _export_command(commands) -> None:
    export = commands.add_parser("export", help="write the training curves of a run for another program")
    programs = export.add_subparsers(dest="program", metavar="PROGRAM", required=True)
    events = programs.add_parser("tensorboard", help="event files (needs fisc[tensorboard])")
    events.add_argument("run", help="a run folder, finished or not")
    events.add_argument("--out", metavar="DIR", help="folder of the event files (default: RUN/tensorboard)")
    sent = programs.add_parser("wandb", help="Weights & Biases, a run there for each arm and seed (needs fisc[wandb])")
    sent.add_argument("run", help="a run folder, finished or not")
    sent.add_argument("--project", metavar="NAME", help="their project (default: WANDB_PROJECT, or fisc)")
    sent.add_argument("--entity", metavar="NAME", help="the user or team that it belongs to (default: yours)")


def _pack_command(commands) -> None:
    pack = commands.add_parser(
        "pack",
        help="put the trained policies of a run into one small file",
        description="Write the policies of one arm and seed into one file, without what only training needs: to keep, "
        "to share, to watch (fisc watch FILE) and to evaluate (fisc evaluate FILE).",
    )
    pack.add_argument("run", help="a run folder")
    pack.add_argument("--arm", default="planner", help="the tax system they were trained under (default: planner)")
    pack.add_argument("--seed", type=int, default=0, help="which of the run's seeds (default: 0)")
    pack.add_argument("--out", metavar="FILE", help="the file (default: SCENARIO.ARM.policies)")
    pack.add_argument("--force", action="store_true", help="replace the file if it exists")


def _watching_commands(commands) -> None:
    watch = commands.add_parser(
        "watch",
        help="show an episode: in the terminal, as a film, or as a figure",
        description="Show an episode of an economy on a map. Without --out it plays in the terminal.",
        epilog=WATCH_EPILOG,
    )
    _episode_flags(watch)
    watch.add_argument(
        "--out",
        metavar="FILE",
        help="write FILE.gif or .mp4 (a film; MP4 needs ffmpeg), .png or .svg (the episode in one figure, with its "
        "table), or .npz (the episode itself, to watch or break down later)",
    )
    watch.add_argument("--steps", metavar="FIRST:LAST", help="show only these steps, such as 100:300")
    watch.add_argument("--every", type=int, metavar="K", help="show every Kth step (default: 120 frames in all)")
    watch.add_argument("--speed", type=float, default=8.0, metavar="FPS", help="frames per second (default: 8)")
    watch.add_argument("--check", action="store_true", help="first play the episode again and compare bit for bit")

    breakdown = commands.add_parser(
        "breakdown",
        help="who gathered, built and traded in an episode, at which prices, and what taxes did",
        description="Print who did what in an episode and what came of it: gathering, building, trade, prices, income "
        "before and after tax, labor; and the equality and productivity of it all.",
        epilog=BREAKDOWN_EPILOG,
    )
    _episode_flags(breakdown)
    breakdown.add_argument("--out", metavar="DIR", help="also draw it and write its tables, into this folder")


def _episode_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        help="an episode (.npz), a run folder or a file of policies (what was trained plays), a scenario or .toml "
        "file, or a configuration of the reference program (.yaml, .json)",
    )
    parser.add_argument("--arm", help="tax system (see `fisc list arms`); by default the planner, if there is one")
    parser.add_argument("--seed", type=int, help="of everything random; of a run also which of its seeds (default: 0)")
    parser.add_argument(
        "--players",
        choices=("trained", "thumb", "random"),
        help="who plays a scenario: policies that come with fisc, citizens by a rule of thumb, or everybody at random "
        "(default: trained where there are some and --set changes nothing, else thumb)",
    )
    _set_flag(parser)
    parser.add_argument("--force", action="store_true", help="replace files that --out would write and that exist")


def _scenario_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", help="a preset (see `fisc list`) or a .toml file of your own")
    parser.add_argument("--objective", help="welfare to maximize (see `fisc list objectives`)")
    parser.add_argument("--elasticity", type=float, help="elasticity of income to the net-of-tax rate")
    parser.add_argument("--workers", type=int, help="how many people live in the economy")
    parser.add_argument("--year", type=int, help="year of US law and wages (us-2024 only)")
    _set_flag(parser)


def _set_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any key of the scenario, such as taxes.flat_rate=0.3 (docs/scenarios.md lists them)",
    )


def _run_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds", default="3", help="how many seeds, or which: 5, or 0,3,7, or 3, for one (default: 3)"
    )
    parser.add_argument("--budget", default="quick", help="smoke, quick or full (default: quick)")
    parser.add_argument("--out", help="run folder, new or empty (default: runs/SCENARIO-BUDGET)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, if there is one")
    parser.add_argument(
        "--distributed",
        metavar="WHERE",
        help="this process is one of several that train together: auto for those of its Slurm or Open MPI job, or "
        "HOST:PORT,PROCESSES,INDEX with INDEX from 0 (docs/clusters.md)",
    )
    _curve_flags(parser)


def _curve_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tensorboard", action="store_true", help="write curves to RUN/tensorboard while training (see `fisc export`)"
    )
    parser.add_argument(
        "--wandb", metavar="PROJECT", help="send curves to this project of Weights & Biases while training"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns the exit code: 0, 1 if a point of a sweep failed, 2 for an error a user can mend, 130 if interrupted.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"fisc {version('fisc')}")
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    if options.command != "sweep":  # which shares the machine out among processes
        from fisc.cli.machine import prepare_jax

        prepare_jax()
    # What ends a job on a cluster or in a container ends a run as Ctrl-C does: it is noted, and can go on.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not options.debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA's notes to its developers, on slow compilation
    if options.command in ("watch", "breakdown"):
        from fisc.cli import watching as commands
    elif options.command == "sweep":
        from fisc.cli import sweeping as commands
    elif options.command == "export":
        from fisc.cli import curves as commands
    else:
        from fisc.cli import commands

    code = 1
    try:
        code = _run(commands, options)
    finally:
        if getattr(options, "distributed", None) is not None:
            from fisc.cli.distributed import leave

            leave(code)
    return code


def _run(commands, options) -> int:
    """Run the command; its exit code."""
    try:
        name = "show_list" if options.command == "list" else options.command.replace("-", "_")
        code = getattr(commands, name)(options)
    except Exception as error:
        text = None if options.debug else for_users(error)
        if text is None:
            raise
        print(f"fisc: error: {text}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = "; go on with the same command and --resume" if hasattr(options, "resume") else ""
        print(f"fisc: interrupted{hint}", file=sys.stderr)
        return 130
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
