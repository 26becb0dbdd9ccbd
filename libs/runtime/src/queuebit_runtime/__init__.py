"""What every service shares to live on the bus."""
