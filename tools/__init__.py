"""What keeps the project in order: running notebooks, README, training and conversion."""
