"""Benchmarks: tables of methods and tasks, each cell a run that is carried out once."""
