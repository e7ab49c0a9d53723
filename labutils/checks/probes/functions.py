"""Probes of functions: loops, counts and slices."""
