"""Dashboards for Grafana: built with the types of its Foundation SDK, kept as JSON beside."""
