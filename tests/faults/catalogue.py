"""All faults, in the order of the table."""

from tests.faults import process_faults
from tests.faults.fault import CATALOGUE as FAULTS

__all__ = ["FAULTS", "process_faults"]
