"""What keeps a pilot from running here, or from getting jobs. Imports ``engine`` and what that imports."""
