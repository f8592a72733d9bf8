"""What ospool-ep costs a host, beside a plain unit around ``docker run`` and the least that the engine needs itself."""
