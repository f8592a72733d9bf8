"""The commands of ``ospool-ep``, a module for each. Imports all other folders."""
