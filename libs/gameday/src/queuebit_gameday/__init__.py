"""Game days: faults on purpose, to see what the platform and its people do about them."""
