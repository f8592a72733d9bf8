"""The demonstration: a job runs through the service, and what its operator sees."""

import secrets
import time

from tests.support.endpoint import Endpoint
from tests.support.pool import Happening, Job
from tests.world.hosts import boot_endpoint
from tests.world.progress import StepFailed, headline, note

NAME = "demo"
_PATIENCE_SECONDS = 120


def run_demo() -> None:
    """From nothing to the output of a job. StepFailed, with what the operator sees, when it does not come back."""
    began = time.monotonic()
    headline("Making a host, a pool and the package; what is there already is used again")
    endpoint = boot_endpoint(NAME)

    headline("What an administrator does: dnf install ospool-ep (done), a token, two names, start")
    endpoint.set_up()
    _show(endpoint, "ls", "-l", "/etc/osg")
    _show(endpoint, "grep", "^GLIDEIN_[SR]", "/etc/osg/ospool-ep.cfg")
    _show(endpoint, "ospool-ep", "check")
    _show(endpoint, "systemctl", "start", "ospool-ep")

    headline("Somebody submits a job to the pool")
    secret = secrets.token_hex(4)
    # $$(…) is what the slot says of itself: HTCondor puts it in when it matches the job.
    job = endpoint.pool.submit(f"echo Hello {secret} from $$(GLIDEIN_Site) $$(GLIDEIN_ResourceName); id; sleep 5")
    note(f"job {job.id}; the status of ospool-ep, as it changes:")
    _follow(endpoint, job)

    headline("What the operator sees")
    _show(endpoint, "journalctl", "--unit=ospool-ep", "--output=short-precise", "--no-hostname", "--no-pager")
    _show(endpoint, "systemctl", "status", "--lines=0", "--no-pager", "ospool-ep")
    _show(endpoint, "ospool-ep", "status")

    headline(f"What the submitter of job {job.id} sees: its event log, and its output")
    print(job.log(), job.output(), sep="\n", flush=True)
    succeeded = any(event.exit_code == 0 for event in job.events())
    if secret not in job.output() or not succeeded:
        raise StepFailed(f"the output of job {job.id} did not come back")
    headline(f"The job's output came back. {time.monotonic() - began:.0f} s; a shell in the host: make demo-shell")


def _show(endpoint: Endpoint, *command: str) -> None:
    """Run a command as an operator would and show what it says; its exit code is shown, and judged by nobody."""
    done = endpoint.host.run(command)
    print(f"\n[root@ep]# {' '.join(command)}\n{done.stdout}{done.stderr}", end="", flush=True)
    if done.returncode != 0:
        print(f"(exit code {done.returncode})", flush=True)


def _follow(endpoint: Endpoint, job: Job) -> None:
    """Show each new status until the job has ended or patience has."""
    deadline, last = time.monotonic() + _PATIENCE_SECONDS, ""
    while time.monotonic() < deadline and not job.happened(Happening.TERMINATED):
        status = endpoint.property("StatusText")
        if status != last:
            note(f"  {time.strftime('%H:%M:%S')}  {status}")
            last = status
        time.sleep(0.2)
