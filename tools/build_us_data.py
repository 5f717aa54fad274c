"""Build the US law and US worker data that fisc ships, from the taxcalc source archive.

    python tools/build_us_data.py --archive taxcalc-6.8.0.tar.gz

Without `--archive` the archive is fetched with `pip download`. The same archive always gives the same tables (the
sample is systematic, with a fixed start, so no random number is drawn); the bytes of the Parquet file may still change
with the version of polars.

taxcalc is in the public domain (CC0 1.0). Only its data files are read; the program itself need not be installed.
"""

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

VERSION = "6.8.0"
ARCHIVE_SHA256 = "3813377ba9c5a4cdc1854093dff84f3d942ae6cd16593e142daf37bf385db024"  # as published on PyPI
LICENSE = "CC0 1.0 (public domain)"

LAW_YEARS = range(2013, 2027)  # the years for which taxcalc states the law; later years there are projections
STATUS_IN_LAW = {"single": "single", "joint": "mjoint", "separate": "mseparate", "head": "headhh"}
STATUS_BY_CODE = {1: "single", 2: "joint", 3: "separate", 4: "head"}
NUM_BRACKETS = 7

SURVEY_YEAR = 2014  # the year taxcalc takes the survey records to describe, whatever year the household was asked
SAMPLE_YEAR = 2024
WEIGHT_UNIT = 0.01  # the weights file counts hundredths of a filing unit
TOP_QUANTILE = 0.95  # every record above this wage quantile of its filing status is kept
NUM_BODY_ROWS = 200_000  # rows sampled below it: the file stays under one megabyte

ROOT = Path(__file__).resolve().parents[1] / "src" / "fisc"
LAW_PATH = ROOT / "taxes" / "data" / "us_federal.json"
WORKERS_PATH = ROOT / "scenarios" / "data" / "us_workers.parquet"
GROWTH_PATH = ROOT / "scenarios" / "data" / "us_wage_growth.json"


# --------------------------------------------------------------------------------------------------------- the archive


def fetch_archive(folder: Path) -> Path:
    """Download the taxcalc source archive into `folder` with pip and return its path."""
    options = ["--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, f"taxcalc=={VERSION}"]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"pip could not download taxcalc {VERSION}: fetch its archive from PyPI and pass --archive")
    found = list(folder.glob("taxcalc-*.tar.gz"))
    if len(found) != 1:
        raise SystemExit(f"expected one taxcalc source archive from pip, found {len(found)} in {folder}")
    return found[0]


def read_archive(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the contents of the named files in the `taxcalc` folder of the expected release."""
    if not path.is_file():
        raise SystemExit(f"no archive at {path}: expected the file taxcalc-{VERSION}.tar.gz")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != ARCHIVE_SHA256:
        raise SystemExit(
            f"{path} is not the taxcalc {VERSION} source archive: its sha256 is {digest}, expected {ARCHIVE_SHA256}"
        )
    contents = {}
    with tarfile.open(path) as archive:
        for name in names:
            contents[name] = archive.extractfile(f"taxcalc-{VERSION}/taxcalc/{name}").read()
    return contents


def read_csv_gz(data: bytes) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(gzip.decompress(data)))


# ------------------------------------------------------------------------------------------------------------- the law


def read_parameter(law: dict, name: str, year: int, status: str) -> float:
    """Return a parameter of current law; a value holds until the next year that states another."""
    stated = [entry for entry in law[name]["value"] if entry.get("MARS", status) == status and entry["year"] <= year]
    if not stated:
        raise SystemExit(f"policy_current_law.json states no {name} for {status} in or before {year}")
    latest = max(stated, key=lambda entry: entry["year"])
    if latest["year"] != year and law[name]["indexed"]:
        raise SystemExit(f"{name} is indexed to prices and not stated for {year}: its value would be a projection")
    return float(latest["value"])


def read_schedule(law: dict, year: int, status: str) -> dict:
    """Return cutoffs, rates and standard deduction of one year and taxcalc filing status."""
    brackets = range(1, NUM_BRACKETS + 1)
    if read_parameter(law, f"II_brk{NUM_BRACKETS}", year, status) < 1e90:
        raise SystemExit(f"the law of {year} has more than {NUM_BRACKETS} brackets for {status}: extend NUM_BRACKETS")
    return {
        "cutoffs": [0.0] + [read_parameter(law, f"II_brk{b}", year, status) for b in brackets[:-1]],
        "rates": [read_parameter(law, f"II_rt{b}", year, status) for b in brackets],
        "standard_deduction": read_parameter(law, "STD", year, status),
    }


def build_law(law: dict) -> str:
    """Return the text of us_federal.json: a header, then one line per year and filing status, for short diffs."""
    lines = []
    for year in LAW_YEARS:
        for status, taxcalc_status in STATUS_IN_LAW.items():
            row = {"year": year, "status": status} | read_schedule(law, year, taxcalc_status)
            lines.append("    " + json.dumps(row))
        if read_schedule(law, year, "widow") != read_schedule(law, year, "mjoint"):
            raise SystemExit(
                f"in {year} widow(er)s and joint filers have different schedules: one is no longer an alias"
            )
    header = {
        "title": "US federal tax on ordinary income: bracket cutoffs (dollars), rates (fractions), standard deduction",
        "source": f"taxcalc {VERSION}, policy_current_law.json: II_brk1..6, II_rt1..7, STD",
        "license": LICENSE,
        "taxcalc_version": VERSION,
        "script": "tools/build_us_data.py",
    }
    head = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in header.items())
    return "{\n" + head + '  "law": [\n' + ",\n".join(lines) + "\n  ]\n}\n"


# --------------------------------------------------------------------------------------------------------- the workers


def read_growth(csv: bytes) -> dict[int, float]:
    """Return the growth of average wages from the year before, by year."""
    table = pl.read_csv(io.BytesIO(csv))
    return dict(zip(table["YEAR"].to_list(), table["AWAGE"].to_list(), strict=True))


def wage_index(growth: dict[int, float], year: int, base: int) -> float:
    """Return average wages of `year` relative to `base`: the product of the yearly growth factors between them."""
    if year < base:
        return 1.0 / wage_index(growth, base, year)
    return float(np.prod([growth[y] for y in range(base + 1, year + 1)]))


def build_growth(growth: dict[int, float]) -> str:
    """Return the text of us_wage_growth.json."""
    content = {
        "title": f"Average US wages relative to {SAMPLE_YEAR}, by year",
        "source": f"taxcalc {VERSION}, growfactors.csv: AWAGE, growth of average wages from the year before, chained",
        "note": (
            "2013 is one over the product of AWAGE for 2014..2024: the source lists AWAGE for every year since 2012, "
            "so no year is extrapolated here; 2025 and 2026 are projections in the source"
        ),
        "license": LICENSE,
        "script": "tools/build_us_data.py",
        "factor": {str(year): round(wage_index(growth, year, SAMPLE_YEAR), 6) for year in LAW_YEARS},
    }
    return json.dumps(content, indent=2) + "\n"


def list_workers(units: pl.DataFrame, weights: pl.DataFrame, wage_factor: float) -> pl.DataFrame:
    """Return one row per person with wages, in SAMPLE_YEAR dollars and weights; head and spouse are two workers."""
    if len(units) != len(weights):
        raise SystemExit(f"{len(units)} filing units in cps.csv but {len(weights)} rows in cps_weights.csv")
    units = units.with_columns(weight=weights[f"WT{SAMPLE_YEAR}"] * WEIGHT_UNIT)
    people = [
        units.select(
            wage=pl.col(wage) * wage_factor,
            age=pl.col(age),
            status=pl.col("MARS").replace_strict(STATUS_BY_CODE, return_dtype=pl.String),
            weight="weight",
        )
        for wage, age in (("e00200p", "age_head"), ("e00200s", "age_spouse"))
    ]
    return pl.concat(people).filter((pl.col("wage") > 0) & (pl.col("weight") > 0))


def sample_systematically(weights: np.ndarray, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw about `num_rows` records with probability proportional to weight; return their indices and new weights.

    Records heavier than the sampling interval are kept with their own weight. The others stand in a row, each as long
    as its weight, and the record under every interval's midpoint is drawn, so records that are neighbors in the given
    order are represented in turn. The new weights add up to the old ones.
    """
    certain = np.zeros(len(weights), bool)
    while True:
        # A record longer than the interval would be drawn twice; setting it aside shortens the interval of the others.
        interval = weights[~certain].sum() / max(num_rows - certain.sum(), 1)
        heavier = (weights >= interval) & ~certain
        if not heavier.any():
            break
        certain |= heavier
    rest = np.flatnonzero(~certain)
    if not len(rest):
        return np.arange(len(weights)), weights
    edges = np.cumsum(weights[rest])
    num_drawn = round(edges[-1] / interval)
    interval = edges[-1] / num_drawn
    drawn = rest[np.searchsorted(edges, (np.arange(num_drawn) + 0.5) * interval)]
    indices = np.concatenate([np.flatnonzero(certain), drawn])
    return indices, np.concatenate([weights[certain], np.full(num_drawn, interval)])


def sample_workers(workers: pl.DataFrame) -> pl.DataFrame:
    """Return the shipped sample: the whole top tail of each filing status, a systematic part of the rest."""
    workers = workers.sort("status", "wage", "age", "weight")
    sampling_share = NUM_BODY_ROWS / len(workers)
    parts = []
    for status in STATUS_BY_CODE.values():
        group = workers.filter(pl.col("status") == status)
        position = group["weight"].cum_sum() / group["weight"].sum()
        top, body = group.filter(position > TOP_QUANTILE), group.filter(position <= TOP_QUANTILE)
        indices, weights = sample_systematically(body["weight"].to_numpy(), round(sampling_share * len(group)))
        parts += [top, body[indices].with_columns(weight=pl.Series(weights))]
    return pl.concat(parts)


def encode_workers(sample: pl.DataFrame) -> pl.DataFrame:
    """Return the sample in small column types: wages in whole dollars (at least one), ages in years."""
    columns = (
        pl.col("wage").round().clip(lower_bound=1).cast(pl.Int32),
        pl.col("age").cast(pl.UInt8),
        pl.col("status").cast(pl.Enum(list(STATUS_BY_CODE.values()))),
        pl.col("weight").cast(pl.Float32),
    )
    return sample.select(columns).sort("status", "wage", "age", "weight")


def describe(workers: pl.DataFrame) -> pl.DataFrame:
    """Return records, workers and total wages by filing status, with a last row for all of them."""
    wage, weight = pl.col("wage").cast(pl.Float64), pl.col("weight").cast(pl.Float64)
    totals = (
        pl.len().alias("records"),
        (weight.sum() / 1e6).alias("workers_million"),
        ((wage * weight).sum() / 1e9).alias("wages_billion"),
    )
    by_status = workers.with_columns(pl.col("status").cast(pl.String)).group_by("status").agg(totals).sort("status")
    everyone = workers.select(pl.lit("all").alias("status"), *totals)
    return pl.concat([by_status, everyone])


def check_totals(sample: pl.DataFrame, workers: pl.DataFrame, tolerance: float = 1e-3) -> None:
    """Stop unless the sample's weighted workers and wages equal those of the survey, by filing status."""
    kept, full = describe(sample), describe(workers)
    for column in ("workers_million", "wages_billion"):
        gap = float((kept[column] / full[column] - 1).abs().max())
        if gap > tolerance:
            raise SystemExit(f"the sample misses the survey's {column} by {gap:.2%}, more than {tolerance:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, help=f"taxcalc-{VERSION}.tar.gz; downloaded with pip if left out")
    arguments = parser.parse_args()
    names = ("policy_current_law.json", "growfactors.csv", "cps.csv.gz", "cps_weights.csv.gz")
    with tempfile.TemporaryDirectory() as folder:
        contents = read_archive(arguments.archive or fetch_archive(Path(folder)), names)

    growth = read_growth(contents["growfactors.csv"])
    factor = wage_index(growth, SAMPLE_YEAR, SURVEY_YEAR)
    workers = list_workers(read_csv_gz(contents["cps.csv.gz"]), read_csv_gz(contents["cps_weights.csv.gz"]), factor)
    sample = encode_workers(sample_workers(workers))
    check_totals(sample, workers)

    for path in (LAW_PATH, WORKERS_PATH):
        path.parent.mkdir(parents=True, exist_ok=True)
    LAW_PATH.write_text(build_law(json.loads(contents["policy_current_law.json"])))
    GROWTH_PATH.write_text(build_growth(growth))
    sample.write_parquet(WORKERS_PATH, compression="zstd", compression_level=22, statistics=False)

    print(f"wages of {SURVEY_YEAR} times {factor:.6f} are wages of {SAMPLE_YEAR}")
    print("survey", describe(workers), "shipped sample", describe(sample), sep="\n")
    for path in (LAW_PATH, GROWTH_PATH, WORKERS_PATH):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


if __name__ == "__main__":
    main()
