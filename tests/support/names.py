"""What the service ospool-ep itself has for itself; its other names are those of its instances."""

from ospool_ep.this_service import ServiceName

_SERVICE = ServiceName()
CONTAINER_NAME = _SERVICE.container_name
SLICE = _SERVICE.slice
GUEST_SLICE = _SERVICE.guest_slice
UNIT = _SERVICE.unit
