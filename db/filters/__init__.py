"""Filters in CQL2: read once, checked against what can be asked for, then SQL for either database."""
