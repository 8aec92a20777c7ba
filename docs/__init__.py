"""Documentation. Pages that repeat what the code knows are generated from it: ``python -m docs.generate``."""
