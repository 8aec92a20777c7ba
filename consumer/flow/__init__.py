"""Puts core and edges together: one record's story, the pipeline, the running service."""
