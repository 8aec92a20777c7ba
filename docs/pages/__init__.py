"""One module for each generated page; its ``page()`` returns the whole text."""
