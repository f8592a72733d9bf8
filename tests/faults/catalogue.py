"""All faults, in the order of the table."""

from tests.faults import process_faults  # isort: skip
from tests.faults import image_faults  # isort: skip
from tests.faults import hand_over_faults  # isort: skip
from tests.faults import registry_faults  # isort: skip
from tests.faults import container_faults  # isort: skip
from tests.faults import engine_faults  # isort: skip
from tests.faults import disk_faults  # isort: skip
from tests.faults import token_faults  # isort: skip
from tests.faults import clock_faults  # isort: skip
from tests.faults import host_faults  # isort: skip
from tests.faults import boot_faults  # isort: skip
from tests.faults.fault import CATALOGUE as FAULTS
from tests.faults.sweep import COURSES

# The name and the title of each row.
TITLES = [
    *((one.name, one.title) for one in FAULTS),
    *((course.row, f"killed (SIGKILL) at each call to the engine, during {course.title}") for course in COURSES),
]

__all__ = [
    "FAULTS",
    "TITLES",
    "boot_faults",
    "clock_faults",
    "container_faults",
    "disk_faults",
    "engine_faults",
    "hand_over_faults",
    "host_faults",
    "image_faults",
    "process_faults",
    "registry_faults",
    "token_faults",
]
