"""Play every stored configuration of Gather-Trade-Build against the reference program, and keep the counts.

    python -m tests.oracle.gtb_tally --into FILE --steps N --seed S [--only NAME ...]

Each configuration is played in one environment, for whole episodes, until it has taken N steps or more (fewer if it has
many citizens). The samples of the Saez formula, completed episodes and the labor warm-up carry over from one to the
next. FILE gets a line for each configuration as soon as it is played. Configurations that FILE already has are not
played again, so an interrupted run goes on where it was; delete FILE to start over, or a line to play one again. FILE
begins with a fingerprint of the code, and goes on with no other. Exit code 1: somewhere something disagreed.
"""

import argparse
import hashlib
import math
import re
import sys
from pathlib import Path

import jax

import fisc
from fisc.core.errors import ConfigError

from . import gtb_config, gtb_reference
from .compare import Mismatch
from .gather_trade_build import play

FOLDER = Path(__file__).parent / "configs" / "gather_trade_build"
LINE = re.compile(r"^(\S+\.yaml): .*?([\d,]+) steps, ([\d,]+) values, (\d+) mismatches", re.MULTILINE)
CODE = (
    *(f"{folder}/*.py" for folder in ("core", "econ", "economies/gather_trade_build", "taxes", "scenarios/kinds")),
    "scenarios/foundation*.py",
    "scenarios/build.py",
)
"""Parts of fisc that are compared."""
FEWEST_EPISODES = 2
SHARES = ((6, 1.0), (12, 0.7), (1000, 0.1))
"""Steps of a configuration with at most so many citizens, as a share of what is asked for: the reference is slow."""


def count(path: Path, steps: int, seed: int) -> str:
    """Play one configuration, and say in a line what was compared."""
    setup = gtb_config.resolve(gtb_reference.read(path))
    length, num = setup.environment["episode_length"], setup.environment["n_agents"]
    share = next(share for most, share in SHARES if num <= most)
    episodes = max(FEWEST_EPISODES, math.ceil(share * steps / length))
    try:
        tally = play(setup, episodes, seed)
    except Mismatch as mismatch:
        told = " ".join(str(mismatch).split())
        return f"{path.name}: 0 steps, 0 values, 1 mismatches: {told}"
    finally:
        jax.clear_caches()  # seventy compiled economies would otherwise stay in memory
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(tally.by_kind.items()))
    values = sum(tally.by_kind.values())
    return f"{path.name}: {episodes:,} episodes, {tally.steps:,} steps, {values:,} values, 0 mismatches ({kinds})"


def fingerprint() -> str:
    """The code that is compared, and that compares, in twelve digits."""
    package, digest = Path(fisc.__file__).parent, hashlib.sha256()
    files = [path for pattern in CODE for path in package.glob(pattern)] + list(Path(__file__).parent.glob("*.py"))
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def total(text: str) -> str:
    """The last line of a tally: sums over all configurations that it has."""
    rows = [[int(number.replace(",", "")) for number in match[1:]] for match in LINE.findall(text)]
    steps, values, mismatches = (sum(column) for column in zip(*rows, strict=True))
    return f"total: {len(rows)} configurations, {steps:,} steps, {values:,} values, {mismatches} mismatches"


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.gtb_tally", description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, required=True, help="file with one line for each configuration")
    parser.add_argument("--steps", type=int, default=3000, help="of each configuration (default: 3,000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn, above 0 (default: 1)")
    parser.add_argument("--only", nargs="*", default=[], help="names of configurations, by default all")
    options = parser.parse_args(arguments)
    if strange := set(options.only) - {path.stem for path in FOLDER.glob("*.yaml")}:
        names = " ".join(sorted(strange))
        parser.error(f"--only {names}: no such configuration in {FOLDER.name}/ (names end before .yaml)")
    text = options.into.read_text(encoding="utf-8") if options.into.is_file() else ""
    head = f"code: {fingerprint()}"
    if text and text.splitlines()[0] != head:
        print(f"error: {options.into} is of other code than {head}: delete it to start over", file=sys.stderr)
        return 2
    played = [match[0] for match in LINE.findall(text)]
    lines = [line for line in text.splitlines() if LINE.match(line)]
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name in played or (options.only and path.stem not in options.only):
            continue
        try:
            lines.append(count(path, options.steps, options.seed))
        except ConfigError as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            return 2
        print(lines[-1], flush=True)
        ordered = "\n".join(sorted(lines))
        options.into.write_text(f"{head}\n{ordered}\n{total(ordered)}\n", encoding="utf-8")
    text = "\n".join(lines)
    print(total(text))
    return int(any(match[3] != "0" for match in LINE.findall(text)))


if __name__ == "__main__":
    sys.exit(main())
