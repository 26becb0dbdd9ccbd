"""Runs hybrid jobs: Python files of users, each in a bounded child."""
