#!/bin/sh
# Usage: rootfs.sh OUT.tar
# The root file system that the pilot and the manager share: Debian 13 with its HTCondor. About 30 s; needs root.
set -eu
export SOURCE_DATE_EPOCH=1767225600
# Perl and the package manager's data have no use at run time, and are half of what would be pushed and pulled.
# shellcheck disable=SC2016  # the hooks are expanded by mmdebstrap's shell, not here
exec mmdebstrap --quiet --variant=minbase \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --include=condor,supervisor,tini,python3-minimal,procps \
    --customize-hook='chroot "$1" useradd --uid 1000 --user-group --create-home osg' \
    --customize-hook='chroot "$1" useradd --uid 1001 --user-group --create-home alice' \
    --customize-hook='install -d -o 1000 -g 1000 "$1/pilot" && install -d "$1/etc/condor/tokens-orig.d"' \
    --customize-hook='cd "$1" && rm -rf usr/share/perl* usr/lib/*/perl usr/lib/*/libperl.so.* var/lib/dpkg \
        var/lib/apt var/cache/* usr/lib/apt usr/share/javascript usr/share/zoneinfo usr/lib/*/libapt-* \
        usr/bin/perl* usr/bin/sqv usr/lib/*/gconv usr/lib/*/libpython3* && \
        cd usr/lib/python3/dist-packages && rm -rf htcondor* classad* cryptography* bcrypt* requests* urllib3* yaml' \
    trixie "$1"
