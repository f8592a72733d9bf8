"""The container that the configuration asks for, and how it is put for an engine. Imports ``configuration``."""
