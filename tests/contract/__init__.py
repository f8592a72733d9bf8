"""What every engine must do, the fake one included; and what only the real one can show."""
