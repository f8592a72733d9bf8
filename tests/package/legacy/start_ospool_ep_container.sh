#!/bin/bash
# A plain pilot, the way the package before 25.1.0 runs it; without CVMFS and GPUs, which play no part in the tests.
options=(
    --user 1000 --name ospool-ep-container --env-file /etc/osg/ospool-ep.cfg
    --security-opt seccomp=unconfined --security-opt systempaths=unconfined --security-opt no-new-privileges
    --device /dev/fuse --pull=always --ulimit nofile=2048:2048 --pids-limit=16384
    --volume "$TOKEN_LOCATION:/etc/condor/tokens-orig.d/flock.opensciencegrid.org"
)
[ -z "$WORKER_TEMP_DIR" ] || options+=(--volume "$WORKER_TEMP_DIR:/pilot")
[ -z "$NUM_CPUS" ] || options+=(--cpus "$NUM_CPUS")
[ -z "$MEMORY" ] || options+=(--memory "$((MEMORY + 100))m")
docker run "${options[@]}" hub.osg-htc.org/osg-htc/ospool-ep:25-release
