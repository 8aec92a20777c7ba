"""What people see of the running service: metrics, log, status, and the cure for each hold."""
