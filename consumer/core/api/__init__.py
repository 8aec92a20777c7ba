"""The API's calls, what its answers mean, and what stops and paces the calls."""
