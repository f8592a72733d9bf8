"""This host: its journal, systemd, directories and processes. Imports the words of ``lifecycle`` and ``pilot``."""
