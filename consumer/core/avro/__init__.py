"""Bytes to events: framing, schemas that can be trusted, and the codec."""
