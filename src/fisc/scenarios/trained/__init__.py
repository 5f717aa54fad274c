"""Trained policies that come with fisc. No jax here."""

from pathlib import Path

from fisc.records.policies import SUFFIX


def shipped(scenario: str) -> dict[str, Path]:
    """The files of policies for a preset, by arm: SCENARIO.ARM.policies in this folder."""
    found = sorted(Path(__file__).parent.glob(f"{scenario}.*{SUFFIX}"))
    return {path.name.removeprefix(f"{scenario}.").removesuffix(SUFFIX): path for path in found}
