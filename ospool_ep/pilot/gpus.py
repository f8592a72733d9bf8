"""How a pilot is asked whether it still has its NVIDIA GPUs, and how its answer is read.

The device that leads to all of them is opened. Where systemd was reloaded and the engine had not been told of the
devices, their nodes are still there in the container, and the kernel refuses to open them; no tool is needed to see
that, and the image has nvidia-smi only where NVIDIA's runtime mounts it, which would also wake a GPU that sleeps. What
the startd offers is no substitute: it looks for GPUs once, as it begins. It is asked as well, as a pilot may have begun
without seeing any. In a container without that device nothing is asked, and no program is run.
Source: NVIDIA/nvidia-container-toolkit, issue 48; HTCondor manual, "Enabling the Fetching and Use of GPUs".
"""

from ospool_ep.pilot.state import Gpus
from ospool_ep.wording import excerpt

# It leads to all GPUs, on the host as in the pilot: without it no program finds one.
CONTROL_NODE = "/dev/nvidiactl"
_OPENS, _OFFERS = "opens", "offers"


def question(startd: str, tool: str, node: str = CONTROL_NODE) -> str:
    """Lines of a shell's for the probe, after the startd was asked. ``startd`` is its address, ``tool`` as in TOOL.

    The shell's variable ``answers`` is 0 where the startd has answered.
    """
    # The subshell keeps a shell that ends where a file can't be opened, as a POSIX one does.
    return f"""\
[ ! -e {node} ] || {{
    echo "[gpus]"
    why=$( (: <>{node}) 2>&1 ) && why={_OPENS}
    echo "$why"
    [ $answers != 0 ] || {{
        echo {_OFFERS} $({tool} condor_status -direct {startd} -constraint 'DynamicSlot =!= true' -af TotalSlotGPUs)
    }}
}}
"""


def read(section: str) -> tuple[Gpus, str]:
    """What the lines after "[gpus]" say, and what the kernel says where a GPU can't be opened."""
    lines = section.split("\n")
    said = [line.strip() for line in lines if line.strip()]
    if not said:
        return Gpus.NONE, ""
    if said[0] != _OPENS:
        # The shell puts its own name, a line and the device before that.
        return Gpus.CLOSED, excerpt(said[0].rpartition(": ")[2])
    words = said[1].split() if len(said) > 1 else []
    # A startd that did not answer has not said that it has none.
    offers_none = words[:1] == [_OFFERS] and len(words) > 1 and all(word in ("0", "undefined") for word in words[1:])
    return (Gpus.UNSEEN if offers_none else Gpus.WELL), ""
