"""What the rows of a run say: means with intervals, contrasts between arms, who gains and who loses."""

from fisc.analysis.incidence import gains_by_group, winners_and_losers
from fisc.analysis.summary import bootstrap_interval, paired_contrast, rank_arms, summarize, summarize_frames

__all__ = [
    "bootstrap_interval",
    "gains_by_group",
    "paired_contrast",
    "rank_arms",
    "summarize",
    "summarize_frames",
    "winners_and_losers",
]
