"""What keeps the notebooks short: see README.md for what is in which room."""
