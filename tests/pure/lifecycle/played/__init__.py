"""A host that is played: all but our process, and one process of ours after another.

``container``: one pilot, as it truly is. ``world``: the engine, the registry, the images and all pilots, as they are.
``process``: what our process has in hand, and how it watches; ``told``: by what it may act.
``orders``, ``pilot_orders``: what becomes of its orders. ``people``: what is done to it from outside.
``service``: from the beginning of a process to its end. ``host``: all of it, and what goes on by itself.
``checks``: what an operator is promised.
"""
