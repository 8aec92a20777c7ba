"""The Helm chart, and what writes its generated files. No part of the service."""
