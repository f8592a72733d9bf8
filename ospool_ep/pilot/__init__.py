"""The pilot in its container: what HTCondor there is asked and told, what it answers. Imports no other folder."""
