"""The story of bug 10, as a gate sees it: see README.md."""
