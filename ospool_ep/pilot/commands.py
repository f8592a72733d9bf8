"""The commands by which the pilot's own HTCondor is asked and told; each runs inside the container.

One answers all that is asked: ``answers`` reads what it prints.
Source: the manual pages condor_who(1), condor_status(1), condor_ping(1) and condor_off(1).
"""

# condor_who reads what the master publishes on the spot; condor_status -direct asks this startd and not the
# pool, so it needs no token; condor_ping goes to the collectors with the pilot's token, as its updates do: to one
# after the other, because it tries only the first of several by itself, and -verbose, because only that tells why
# it failed. A daemon that accepts the connection and then says nothing would keep each of them waiting for
# minutes. The pilot's settings are found only through PILOT_CONFIG_FILE, which a command run from outside
# doesn't inherit.
_PILOT_SETTINGS = (
    "PILOT_CONFIG_FILE=$(ls -td /pilot/osgvo-pilot-*/condor_config.pilot | head -n1); export PILOT_CONFIG_FILE"
)

_WHO = "timeout 5 condor_who -quick"
_SLOTS = (
    'timeout 5 condor_status -direct "$(head -n1 /pilot/log/.startd_address)" -af Name State Activity JobId JobStart'
)


def _with_pilot_settings(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", f"exec 2>&1\n{_PILOT_SETTINGS}\n{script}"


# Which jobs run, for a stop that waits for the answer: a startd that says so is up.
JOBS_COMMAND = _with_pilot_settings(f"""\
echo "[slots]"
{_SLOTS} || {{
    echo "[who]"; {_WHO}
}}
echo "[ping]"
""")

PROBE_COMMAND = _with_pilot_settings(f"""\
echo "[who]"; {_WHO}
echo "[slots]"
{_SLOTS}
echo "[ping]"
for collector in $(condor_config_val COLLECTOR_HOST | tr , ' '); do
    timeout 5 condor_ping -pool "$collector" -type collector -verbose ADVERTISE_STARTD ADVERTISE_MASTER
    code=$?
    [ $code != 0 ] || break
done
echo "[exit] $code"
""")

# The startd is told first, so that no job starts between the two; the master then ends right after the last job
# and not only when it next looks.
DRAIN_COMMAND = _with_pilot_settings("condor_off -peaceful -startd && condor_off -peaceful -master\n")
