"""A host that is played: all but our process, and one process of ours after another.

``world``: its engine, registry, images and pilots, as they truly are.
``process``: what our process has in hand, and how it watches; ``told``: by what it may act.
``orders``, ``pilot_orders``: what becomes of its orders. ``people``: what is done to it from outside.
``service``: from the beginning of a process to its end. ``host``: all of it, and what goes on by itself.
``checks``: what an operator is promised.
"""
