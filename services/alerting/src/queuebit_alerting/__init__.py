"""The alerting service: decides what is wrong, and notifies people once."""
