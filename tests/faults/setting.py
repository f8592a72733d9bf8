"""Changes of the configuration that the faults make."""

# A sound one that needs another container, and one that no service can work with.
CHANGED = {"MEMORY": "1024"}
WRONG = {"ACCEPT_JOBS_FOR_HOURS": "many"}
