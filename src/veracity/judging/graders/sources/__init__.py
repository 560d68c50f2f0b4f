"""Graders' source that also runs elsewhere: each file stands alone, with a function `grade(sample, item)`."""
