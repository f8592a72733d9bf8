"""What keeps a pilot from running here, or from getting jobs. Imports ``engine``, ``system`` and what is above them."""
