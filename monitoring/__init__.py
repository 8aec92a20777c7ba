"""What is watched and when somebody is woken, as data: the dashboard and the alerts that the chart ships.

``python -m monitoring.generate`` writes the chart's files from the modules here; ``--check`` tells whether
they are up to date. Names of metrics come from the service's own catalogue: a metric that does not exist can
be neither drawn nor alerted on.
"""
