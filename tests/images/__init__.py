"""The container images of the tests, and how they are built without a container engine."""
