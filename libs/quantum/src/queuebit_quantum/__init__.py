"""Circuits, calibrations, emulated devices: pure, no bus."""
