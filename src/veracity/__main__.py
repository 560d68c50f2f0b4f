"""`python -m veracity` is the same as `veracity`."""

from veracity.cli import main

if __name__ == "__main__":
    main()
