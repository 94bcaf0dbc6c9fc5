"""Synthetic streams and a load generator; the streams serve the tests and the examples, too."""
