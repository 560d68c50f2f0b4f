"""Measuring factuality of short and long answers, with confidence and the judges' own quality."""
