"""Figures, the report and the terminal's table, all drawn from records alone."""
