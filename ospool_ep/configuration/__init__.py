"""The operator's file: how it is read, what each key means, and what is wrong with it. Imports no other folder."""
