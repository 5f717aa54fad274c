"""Each kind of economy as a scenario describes it: its configuration as plain data, and how it is built."""
