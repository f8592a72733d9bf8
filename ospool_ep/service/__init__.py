"""The daemon around the lifecycle: its threads, and what performs its orders. Imports all folders but ``commands``."""
