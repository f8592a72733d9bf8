#!/bin/bash
# A plain pilot, the way the package before 25.1.0 runs it; without its options, which play no part in an upgrade.
options=(
    --user 1000 --name ospool-ep-container --env-file /etc/osg/ospool-ep.cfg
    --security-opt seccomp=unconfined --security-opt systempaths=unconfined --security-opt no-new-privileges
    --device /dev/fuse --pull=always --ulimit nofile=2048:2048 --pids-limit=16384
    --volume "$TOKEN_LOCATION:/etc/condor/tokens-orig.d/flock.opensciencegrid.org"
)
docker run "${options[@]}" hub.osg-htc.org/osg-htc/ospool-ep:25-release
