"""The one table of configuration keys.

The parser, the shipped ``etc/ospool-ep.cfg``, the manual page ospool-ep.cfg(5) and the checks are all made
from it, and a test says that they agree.
"""

from typing import Optional

from ospool_ep import OSG_SERIES
from ospool_ep.configuration.option import GoesTo, Kind, Option, Section
from ospool_ep.configuration.values import UpdatePolicy

DEFAULT_IMAGE_REPOSITORY = "hub.osg-htc.org/osg-htc/ospool-ep"
DEFAULT_IMAGE = f"{DEFAULT_IMAGE_REPOSITORY}:{OSG_SERIES}-release"
DEFAULT_GPU_IMAGE = f"{DEFAULT_IMAGE_REPOSITORY}:{OSG_SERIES}-cuda_11_8_0-release"

OWN_PREFIX = "OSPOOL_EP_"


def _rare(name: str, kind: Kind, description: str, *, image_has_default: bool = False) -> Option:
    section, has_default = Section.MORE, image_has_default
    return Option(name, kind, GoesTo.PILOT, section, description, shipped=False, image_has_default=has_default)


_TABLE = (
    Option("GLIDEIN_Site", Kind.NAME, GoesTo.PILOT, Section.IDENTITY,
        "The name of your site: the resource group that you registered in OSG Topology.", required=True),
    Option("GLIDEIN_ResourceName", Kind.NAME, GoesTo.PILOT, Section.IDENTITY,
        "The name of this resource, as you registered it in OSG Topology.", required=True),
    Option("TOKEN_LOCATION", Kind.PATH, GoesTo.HOST, Section.IDENTITY,
        "The file with the token from the OSPool Token Registry. The pilot reads it as uid 1000.",
        default="/etc/osg/ospool-ep.tkn"),
    Option("WORKER_TEMP_DIR", Kind.PATH, GoesTo.HOST, Section.HOST,
        "A directory for the files of the jobs, writable for uid 1000; recommended. Each pilot has one of its own in"
        " it, which is removed once it has ended. Empty: the engine's own disk."),
    Option("NUM_CPUS", Kind.CPUS, GoesTo.BOTH, Section.HOST,
        "How many CPUs the pilot offers and may use. Empty: all of them."),
    Option("MEMORY", Kind.MEGABYTES, GoesTo.BOTH, Section.HOST,
        "How much memory the pilot offers, in MB; its container gets 100 MB more, and its /dev/shm can hold half of it."
        " Empty: all of it."),
    Option("PROVIDE_NVIDIA_GPU", Kind.TRUTH, GoesTo.HOST, Section.HOST,
        "Offer the NVIDIA GPUs of this host. Needs the NVIDIA Container Toolkit: with Docker its runtime, or, since"
        " Docker 25, its CDI specification; with Podman its CDI specification.", default="false"),
    Option("OSPOOL_EP_GPUS", Kind.GPUS, GoesTo.HOST, Section.HOST,
        "Which GPUs PROVIDE_NVIDIA_GPU offers: all, or their numbers or UUIDs, separated by commas, as nvidia-smi -L"
        " shows them; with MIG 0:1 or the UUID of a part of a GPU.", default="all"),
    Option("NVIDIA_VISIBLE_DEVICES", Kind.GPUS, GoesTo.PILOT, Section.HOST,
        "The same as OSPOOL_EP_GPUS, as NVIDIA's runtime calls it. Where both are set OSPOOL_EP_GPUS holds.",
        shipped=False),
    Option("OSPOOL_EP_BIND", Kind.BINDS, GoesTo.HOST, Section.HOST,
        "More directories of this host for the jobs, as SOURCE, SOURCE:TARGET or SOURCE:TARGET:rw, separated by commas;"
        " read-only unless rw says otherwise."),
    Option("OSPOOL_EP_NETWORK", Kind.NETWORK, GoesTo.HOST, Section.HOST,
        "The network of the pilot: bridge, the engine's own; host, that of this host; or the name of one that was made"
        " in the engine. With host each pilot has a random name in the pool.", default="bridge"),
    Option("OSPOOL_EP_PRIVILEGES", Kind.CHOICE, GoesTo.HOST, Section.HOST,
        "What the pilot's container may do. No set lets a program gain privileges (no-new-privileges).",
        default="recommended",
        choices=(
            ("recommended", "What OSG recommends: no filter, and each job can hide its processes from the others."),
            ("minimum", "Docker's default filter, and what Apptainer needs; jobs see each other's processes."),
            ("cvmfs-bind", "Seven capabilities, not needed now; with Docker uid 1000 gets none. See ospool-ep(8)."),
        )),
    Option("OSPOOL_EP_PRIORITY", Kind.CHOICE, GoesTo.HOST, Section.HOST,
        "What the pilot gets where this host has work of its own.", default="normal",
        choices=(
            ("normal", "The CPUs are shared as with one more service of this host."),
            ("backfill", "It takes what this host leaves idle, and gives its memory back first."),
        )),
    Option("OSPOOL_EP_HOURS", Kind.DAY_HOURS, GoesTo.HOST, Section.HOST,
        "In which hours jobs are accepted, by this host's clock: 18-8 is each day from 18:00 to 8:00 of the next one,"
        " and Mon-Fri 18-8, Sat-Sun 0-24 the same from Monday to Friday, and all weekend. At their end no new jobs"
        " start, and those that run go on as with OSPOOL_EP_PRIORITY=backfill. Empty: always."),
    Option("OSPOOL_EP_HOLD_SHUTDOWN", Kind.TRUTH, GoesTo.HOST, Section.SERVICE,
        "Hold a shutdown of this host back while jobs run, where systemd lets a service do so.", default="false"),
    Option("BIND_MOUNT_CVMFS", Kind.TRUTH, GoesTo.HOST, Section.CVMFS,
        "Give the pilot the /cvmfs that is mounted on this host. Excludes CVMFSEXEC_REPOS.", default="false"),
    Option("CVMFSEXEC_REPOS", Kind.REPOSITORIES, GoesTo.PILOT, Section.CVMFS,
        "Repositories that the pilot mounts by itself, separated by commas or spaces; recommended are"
        " oasis.opensciencegrid.org and singularity.opensciencegrid.org. Excludes BIND_MOUNT_CVMFS."),
    Option("CVMFS_HTTP_PROXY", Kind.TEXT, GoesTo.PILOT, Section.CVMFS,
        "The proxy for CVMFSEXEC_REPOS. Empty: the nearest one is discovered."),
    Option("CVMFS_QUOTA_LIMIT", Kind.MEGABYTES, GoesTo.PILOT, Section.CVMFS,
        "The size of the cache of CVMFSEXEC_REPOS, in MB. Empty: 4 GB."),
    Option("CVMFSEXEC_DEBUG", Kind.TRUTH, GoesTo.PILOT, Section.CVMFS,
        "Log in detail how the repositories are mounted.", default="false"),
    Option("OSPOOL_EP_CVMFS_CACHE", Kind.PATH, GoesTo.HOST, Section.CVMFS,
        "A directory for the caches of CVMFSEXEC_REPOS, which later pilots use again; each pilot has one of its own in"
        " it, of CVMFS_QUOTA_LIMIT, and two pilots may run at once. Empty: the cache goes with its pilot."),
    Option("OSPOOL_EP_CVMFS_LOGS", Kind.PATH, GoesTo.HOST, Section.CVMFS,
        "A directory for the logs of CVMFSEXEC_REPOS; each pilot has one of its own in it. Empty: they go with it."),
    Option("OSPOOL_EP_CVMFS_DEFAULT", Kind.PATH, GoesTo.HOST, Section.CVMFS,
        "A file with more settings for CVMFSEXEC_REPOS, in CVMFS's own form, where it is there.",
        default="/etc/osg/cvmfs-default.local"),
    Option("ACCEPT_JOBS_FOR_HOURS", Kind.PILOT_HOURS, GoesTo.PILOT, Section.LIFE,
        "For how many hours a pilot accepts new jobs at most; then it retires. As a rule it has handed over to the"
        " next one before: see OSPOOL_EP_LONGEST_JOB_HOURS.",
        default="62", required=True),
    Option("RETIREMENT_HOURS", Kind.PILOT_HOURS, GoesTo.PILOT, Section.LIFE,
        "For how many hours more the jobs of a retiring pilot may run. Then it ends, and cuts off those that still do.",
        default="10", required=True),
    Option("ACCEPT_IDLE_MINUTES", Kind.IDLE_MINUTES, GoesTo.PILOT, Section.LIFE,
        "After how many minutes without a job a pilot ends, and the next one starts. One that starts beside another has"
        " longer, as its first job waits for the end of one of the other's.", default="30"),
    Option("OSG_SQUID_LOCATION", Kind.PROXY_URL, GoesTo.PILOT, Section.JOBS,
        "The HTTP caching proxy at or near your site, as http://HOST:PORT."),
    Option("GLIDEIN_Start_Extra", Kind.EXPRESSION, GoesTo.PILOT, Section.JOBS,
        "A ClassAd expression that a job must satisfy, too, to run here."),
    Option("OSG_PROJECT_NAME", Kind.PROJECT, GoesTo.PILOT, Section.JOBS, "Run only the jobs of this project."),
    Option("SINGULARITY_BIND_EXTRA", Kind.TEXT, GoesTo.PILOT, Section.JOBS,
        "More directories to bind into the containers of the jobs, as Apptainer's --bind takes them: by their paths in"
        " the pilot, where OSPOOL_EP_BIND puts those of this host."),
    Option("GLIDEIN_RANDOMIZE_NAME", Kind.TRUTH, GoesTo.PILOT, Section.JOBS,
        "Put ten random digits into the name of each pilot, and do not advertise this host's name unless"
        " OSPOOL_EP_ADVERTISE_HOST is true.", default="false"),
    Option("OSPOOL_EP_EXTRA_ATTRIBUTES", Kind.PATH, GoesTo.HOST, Section.JOBS,
        "A file with more attributes that each pilot advertises, where it is there: NAME = EXPRESSION on each line, and"
        " # before a comment. A pilot takes what the file says as it begins.",
        default="/etc/osg/extra-attributes.cfg"),
    Option("OSPOOL_EP_ADVERTISE_HOST", Kind.TRUTH, GoesTo.HOST, Section.JOBS,
        "Advertise this host's short name, as OSPOOL_EP_HOST. Empty: yes, unless GLIDEIN_RANDOMIZE_NAME is true."),
    Option("ENABLE_REMOTE_SYSLOG", Kind.TRUTH, GoesTo.PILOT, Section.JOBS,
        "Let the pilot send its logs to OSG, who use them to help you.", default="true"),
    Option("ITB", Kind.TRUTH, GoesTo.PILOT, Section.JOBS,
        "Join the test pool (ITB) and not production.", default="false"),
    Option("OSPOOL_EP_ENGINE", Kind.ENGINE, GoesTo.HOST, Section.SERVICE,
        "The container engine that runs the pilot: auto, docker, podman, or unix:// and the path of a socket. With auto"
        " it is the one that is in use here, Docker before Podman; else the one that is enabled; else the only one that"
        " is installed. The service starts it where it does not run, and no other one. Another value counts for the"
        " next pilot.", default="auto"),
    Option("OSPOOL_EP_IMAGE", Kind.IMAGE, GoesTo.HOST, Section.SERVICE,
        f"The image of the pilot. Empty: {DEFAULT_IMAGE}, or its CUDA twin with PROVIDE_NVIDIA_GPU."
        " One that is named by its digest, as in NAME@sha256:DIGEST, is never replaced."),
    Option("OSPOOL_EP_UPDATE", Kind.CHOICE, GoesTo.HOST, Section.SERVICE,
        "What becomes of the running pilot once a new image is here. With OSPOOL_EP_HAND_OVER=false, or GPUs, retire"
        " does more for science: a drain then leaves cores empty.", default=UpdatePolicy.DRAIN.value,
        choices=(
            (UpdatePolicy.DRAIN.value, "It hands over at once, as OSPOOL_EP_HAND_OVER says, and loses no job."),
            (UpdatePolicy.RETIRE.value, "It goes on until its age makes it hand over, or for OSPOOL_EP_RETIRE_HOURS."),
            (UpdatePolicy.NOW.value, "It is stopped at once, and the jobs that run are evicted."),
            (UpdatePolicy.OFF.value, "It goes on until its age makes it hand over; only you pull a newer image."),
        )),
    Option("OSPOOL_EP_HAND_OVER", Kind.TRUTH, GoesTo.HOST, Section.SERVICE,
        "Start the next pilot beside the running one. Once it has shown that it works, the running one drains, and the"
        " next one takes over each core as the job on it ends. With false the running one drains first, and its cores"
        " stay empty until its last job has ended; so they do with GPUs, which two pilots would hand out twice.",
        default="true"),
    Option("OSPOOL_EP_HAND_OVER_GB", Kind.GIGABYTES, GoesTo.HOST, Section.SERVICE,
        "The next pilot starts beside the running one where so many GB are free in WORKER_TEMP_DIR, and so many on the"
        " disk on which the engine keeps its containers; there with CVMFSEXEC_REPOS also as many as CVMFS_QUOTA_LIMIT"
        " allows, as each pilot has a cache of its own, unless OSPOOL_EP_CVMFS_CACHE says where. Where they are not, it"
        " starts once the running one has ended.",
        default="5"),
    Option("OSPOOL_EP_LONGEST_JOB_HOURS", Kind.HOURS, GoesTo.HOST, Section.SERVICE,
        "How many hours the longest job may run; the pool has a limit. A pilot hands over so long before its end, which"
        " comes ACCEPT_JOBS_FOR_HOURS and RETIREMENT_HOURS after its start, that such a job still ends in it; but after"
        " ACCEPT_JOBS_FOR_HOURS at the latest.", default="20"),
    Option("OSPOOL_EP_DRAIN_HOURS", Kind.HOURS, GoesTo.HOST, Section.SERVICE,
        "For how many hours a pilot may drain to make room for a new image, a changed configuration, a new token, or"
        " as it has lost its GPUs."
        " Then the jobs that still run are evicted, and named in the journal, and it ends. Empty: it waits for the jobs"
        " as long as the pilot itself lives. A pilot that hands over because of its age has no such limit, nor has an"
        " operator's own ospool-ep drain."),
    Option("OSPOOL_EP_RETIRE_HOURS", Kind.HOURS, GoesTo.HOST, Section.SERVICE,
        "For how many hours a pilot may go on with OSPOOL_EP_UPDATE=retire before it makes room for the new image.",
        default="72"),
    Option("OSPOOL_EP_ROLLBACK_MINUTES", Kind.MINUTES, GoesTo.HOST, Section.SERVICE,
        "In how many minutes the first pilot of a new image, and each that starts beside another, has to be in the"
        " pool. If one of a new image is not, or three end before they are, the last image that worked is used again,"
        " and the new one is left alone until the registry has another one. A pilot that runs beside it goes on.",
        default="15"),
    Option("TOKEN", Kind.SECRET, GoesTo.HOST, Section.MORE,
        "The token itself, in place of the file TOKEN_LOCATION. Use that file: this one is readable for everybody.",
        shipped=False),
    _rare("POOL", Kind.POOL,
        "The pool to join: ospool (with ITB its test pool), itb-ospool, prod-ospool, prod-path-facility,"
        " dev-path-facility, or the address of another one, as HOST:PORT. Empty: ospool.", image_has_default=True),
    _rare("CONDOR_HOST", Kind.CENTRAL_MANAGERS,
        "The central managers to report to, in place of those of POOL, separated by commas."),
    _rare("CCB_RANGE_LOW", Kind.PORT,
        "The first port of the connection brokers, which are looked for on the hosts of CONDOR_HOST."),
    _rare("CCB_RANGE_HIGH", Kind.PORT, "The last port of the connection brokers; it needs the first one, too."),
    _rare("EXTRA_JOB_ENV", Kind.TEXT, "More environment for the jobs, in the image's own form."),
    _rare("SINGULARITY_DISABLE_PID_NAMESPACES", Kind.TRUTH, "Do not give the jobs PID namespaces of their own."),
    _rare("OSG_DEFAULT_CONTAINER_DISTRIBUTION", Kind.TEXT,
        "Which default container images the jobs get, by share.", image_has_default=True),
    _rare("OSG_DEFAULT_CONTAINER_DISTRIBUTION_GPU", Kind.TEXT,
        "The same, for jobs with a GPU.", image_has_default=True),
    _rare("GARBAGE_COLLECTION", Kind.TEXT,
        "Whether the pilot clears away what earlier pilots left in its scratch.", image_has_default=True),
    _rare("SYSLOG_HOST", Kind.TEXT, "Where ENABLE_REMOTE_SYSLOG sends the logs.", image_has_default=True),
    _rare("REGISTRY_HOST", Kind.TEXT,
        "The token registry that identifies ENABLE_REMOTE_SYSLOG's sender.", image_has_default=True),
    # These two go to the pilot all the same: images of other makers may read them, and running pilots were told them.
    Option("SUPERVISORD_RESTART_POLICY", Kind.TEXT, GoesTo.PILOT, Section.OBSOLETE,
        "No effect: the pilot may not change what it sets.", shipped=False, successor="Remove the line."),
    Option("APPTAINER_REGISTRY_MIRROR", Kind.TEXT, GoesTo.PILOT, Section.OBSOLETE,
        "No mirror: today's images lack the Apptainer that it asks for, and run no containers of jobs with it.",
        shipped=False, successor="Remove the line."),
    Option("ALLOW_CPUJOB_ON_GPUSLOT", Kind.TRUTH, GoesTo.NOWHERE, Section.OBSOLETE,
        "No effect: the pool decides this by itself.", default="false", shipped=False, successor="Remove the line."),
    Option("CONTAINER_PILOT_USE_JOB_HOOK", Kind.TRUTH, GoesTo.NOWHERE, Section.OBSOLETE,
        "No effect: the pilot always uses its job hook.", default="true", shipped=False, successor="Remove the line."),
    Option("WORK_TEMP_DIR", Kind.PATH, GoesTo.NOWHERE, Section.OBSOLETE,
        "No effect: an old release asked for it by mistake.",
        shipped=False, successor="Remove the line; the scratch directory is WORKER_TEMP_DIR."),
)  # fmt: skip

OPTIONS: dict[str, Option] = {option.name: option for option in _TABLE}


def nearest_known(name: str) -> Optional[str]:
    """The known key that an unknown one most likely means, or None when nothing is near."""
    import difflib  # noqa: PLC0415 - only for who misspells

    folded = {known.upper(): known for known in OPTIONS}
    near = difflib.get_close_matches(name.upper(), folded, n=1, cutoff=0.75)
    return folded[near[0]] if near else None
