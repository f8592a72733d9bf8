"""The container engine, Docker or Podman, in the project's own words. Imports ``system`` and ``container``."""
