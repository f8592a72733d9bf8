"""What is done when: the life of the pilots on this host, as a pure function. Imports ``configuration``, ``pilot``."""
