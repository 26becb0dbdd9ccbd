"""Webhooks: signed requests to tenants' endpoints, with retries, a log of deliveries, and replay."""
