"""What a run leaves behind: the schema of every number, and the run folder."""

from fisc.records.errors import RecordError
from fisc.records.store import RunFolder

__all__ = ["RecordError", "RunFolder"]
