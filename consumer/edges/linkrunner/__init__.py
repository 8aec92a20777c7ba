"""The Linkrunner API over HTTP: one call in, one answer out."""

from consumer.edges.linkrunner.client import Linkrunner

__all__ = ["Linkrunner"]
