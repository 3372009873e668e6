"""What exactly one notebook needs and a cell cannot hold."""
