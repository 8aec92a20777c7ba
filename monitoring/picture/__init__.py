"""A dashboard as a picture, without a Grafana: its panels at their places, with what a Prometheus holds.

It draws what the dashboard's JSON says: titles, units, thresholds, value mappings, legends. It is no Grafana:
a panel kind that it does not know is an error, not a gap. ``python -m monitoring.picture`` is the command.
"""
