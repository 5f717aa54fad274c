"""Slow twins of economies, written a second time from their definition alone, and how they are compared."""
