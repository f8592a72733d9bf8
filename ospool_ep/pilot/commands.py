"""The commands by which the pilot's own HTCondor is asked and told; each runs inside the container.

``answers`` reads what they print.
Source: the manual pages condor_who(1), condor_status(1), condor_ping(1) and condor_off(1).
"""

from ospool_ep.pilot import clauses, gpus, slots
from ospool_ep.pilot.clauses import TOOL
from ospool_ep.pilot.state import HELD_CPUS, HELD_MEMORY, Share

# condor_who reads what the master publishes on the spot; condor_status -direct asks this startd and not the
# pool, so it needs no token; condor_ping goes to the collectors with the pilot's token, as its updates do: to one
# after the other, because it tries only the first of several by itself, and -verbose, because only that tells why
# it failed. The pilot's settings are found only through PILOT_CONFIG_FILE, which a command run from outside
# doesn't inherit.
_PILOT_SETTINGS = (
    "PILOT_CONFIG_FILE=$(ls -td /pilot/osgvo-pilot-*/condor_config.pilot | head -n1); export PILOT_CONFIG_FILE"
)

_WHO = "condor_who -quick"
_STARTD = '"$(head -n1 /pilot/log/.startd_address)"'
_COLUMNS = " ".join(f"'{column}'" for column in slots.COLUMNS)
_SLOTS = f"condor_status -direct {_STARTD} -af {_COLUMNS}"


def _with_pilot_settings(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", f"exec 2>&1\n{_PILOT_SETTINGS}\n{script}"


# What of HTCondor runs at all, and of what starts its master. Its processes are seen also where they have a name space
# of their own, as under cvmfsexec. A process that ends meanwhile is no error; one that has ended, and that nobody has
# waited for, does not run.
_NAMES = """\
for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    case $line in *") Z "*) continue ;; esac
    name=${line#*(} name=${name%%)*}"""
# HTCondor is in the container as long as one of these is.
DAEMONS = ("condor_master", "condor_startd", "condor_starter")
_ONE_OF_THEM = " | ".join(DAEMONS)
_WHICH_RUN = f"""\
{_NAMES}
    case $name in supervisord | {_ONE_OF_THEM}) echo "$name" ;; esac
done"""
_DAEMONS = f"""\
echo "[daemons]"
{_WHICH_RUN}"""
# How long this takes, in seconds; the clock may be set meanwhile.
_BEGIN = "read -r up _ </proc/uptime; began=${up%%.*} waited=0"
_LOOK_AT_THE_TIME = "read -r up _ </proc/uptime; waited=$((${up%%.*} - began))"

# One after the other, and each that is silent takes as long as it may.
_MOST_COLLECTORS, _PING_SECONDS = 3, 10

PROBE_COMMAND = _with_pilot_settings(f"""\
{_DAEMONS}
echo "[who]"; {TOOL} {_WHO}
asked_at=$(date +%s)
echo "[slots]"
{TOOL} {_SLOTS}
answers=$?
echo "[answered] $answers"
{gpus.question(_STARTD, TOOL)}\
echo "[clauses]"
[ $answers != 0 ] || {{
{clauses.question(_STARTD, "$asked_at")}}}
echo "[ping]"
for collector in $(condor_config_val COLLECTOR_HOST | tr -s ', ' '\\n' | head -n {_MOST_COLLECTORS}); do
    timeout {_PING_SECONDS} condor_ping -pool "$collector" -type collector -verbose ADVERTISE_STARTD ADVERTISE_MASTER
    code=$?
    [ $code != 0 ] || break
done
echo "[exit] $code"
""")

# The startd is told first, so that no job starts between the two; the master then ends right after the last job
# and not only when it next looks. Where that is told again, HTCondor may be ending: first the startd, whose master is
# then told alone, then the master, and only then what has started it. The end of the container is waited for, which
# ends this as well. Nothing has started it where the container sets itself up.
_ENDS_SECONDS, _REFUSES_SECONDS = 10, 2
DRAIN_COMMAND = _with_pilot_settings(f"""\
{_BEGIN}
for second in $(seq {_ENDS_SECONDS}); do
    condor_off -peaceful -startd && condor_off -peaceful -master && exit 0
    code=$?
    runs=$(
        {_WHICH_RUN}
    )
    case $runs in
        *condor_startd*) ;;
        *condor_master*) condor_off -peaceful -master && exit 0 ;;
        "") break ;;
    esac
    {_LOOK_AT_THE_TIME}
    case $runs in *condor_*) [ $waited -lt {_REFUSES_SECONDS} ] || break ;; esac
    sleep 1
done
exit $code
""")

# What one that leaves still holds, asked for often. The order counts: what it holds is asked after it has said that it
# takes no claim.
HELD_COMMAND = _with_pilot_settings(f"""\
{_DAEMONS}
echo "[who]"; {TOOL} {_WHO}
echo "[slots]"
{TOOL} {_SLOTS}
echo "[answered] $?"
""")


def tell_command(share: Share) -> tuple[str, ...]:
    """Tell the startd that the other pilots hold so much; exit code 0: it goes by that from now on.

    condor_update_machine_ad ends when it has sent that; the startd looks at it when it next publishes its slots, which
    the question that follows makes it do at once.
    """
    values = {HELD_CPUS: share.cpus, HELD_MEMORY: share.memory}
    lines = "".join(f"{name} = {value}\\n" for name, value in values.items())
    words = " ".join(map(str, values.values()))
    return _with_pilot_settings(f"""\
printf '{lines}' | {TOOL} condor_update_machine_ad || {{
    echo "condor_update_machine_ad: exit code $? (124: no answer in time)"
    exit 1
}}
believes=$(
    {TOOL} condor_status -direct {_STARTD} -constraint 'DynamicSlot =!= true' -af {" ".join(values)} | sort -u
)
[ "$believes" = '{words}' ] || {{
    echo "The startd goes by ${{believes:-nothing}} and not by {words}."
    exit 1
}}
""")


# A stop has no more time for a tool.
_SOON = "timeout 5"

# Which jobs run, for a stop that waits for the answer: a startd that says so is up.
JOBS_COMMAND = _with_pilot_settings(f"""\
{_DAEMONS}
echo "[slots]"
{_SOON} {_SLOTS}
answers=$?
echo "[answered] $answers"
[ $answers = 0 ] || {{
    echo "[who]"; {_SOON} {_WHO}
}}
""")

# For a person, where no service runs: its jobs are evicted at once, also where it drains, and it ends.
END_COMMAND = "condor_off -fast -master"

# A job that does not end on SIGTERM is killed after this time; the pool hears of that, too.
EVICT_SECONDS = 100
LEAVE_SECONDS = 110

# All jobs are evicted in order, while the pool is still told of it. A startd that drains has an order already, and
# takes no other; its starters pass SIGTERM on to their jobs all the same. The command returns when HTCondor has left,
# after LEAVE_SECONDS at the latest; as a rule its container ends before. Exit code 1: it did not take the order.
LEAVE_COMMAND = _with_pilot_settings(f"""\
{_SOON} condor_off -graceful -master || exit 1
{_NAMES}
    [ "$name" != condor_starter ] || {{ pid=${{stat%/stat}}; kill -s TERM "${{pid#/proc/}}" 2>/dev/null; }}
done
{_BEGIN}; order=-graceful
while [ $waited -lt {LEAVE_SECONDS} ]; do
    [ $waited -lt {EVICT_SECONDS} ] || [ $order = -fast ] || {{
        order=-fast
        {_SOON} condor_off $order -master
    }}
    left=yes
    {_NAMES}
        case $name in {_ONE_OF_THEM}) left= ;; esac
    done
    [ -z "$left" ] || exit 0
    sleep 1
    {_LOOK_AT_THE_TIME}
done
""")
