#!/bin/sh
# Usage: busybox.sh OUT.tar
# The root file system of the stub: one static busybox of Debian's, and the pilot's user. About 2 s.
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/etc/condor/tokens-orig.d" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/pilot" \
    "$root/usr/local/bin" "$root/package"
(
    cd "$root/package"
    # The lists of packages may be missing, or name a version that the mirrors no longer have.
    download="apt-get download --quiet=2 --option APT::Sandbox::User=root busybox-static"
    $download 2>/dev/null || { apt-get update --quiet=2 && $download; }
    dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x
    cp usr/bin/busybox "$root/bin/busybox" 2>/dev/null || cp bin/busybox "$root/bin/busybox"
)
rm -rf "$root/package"
for applet in $("$root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/:/bin/sh\nosg:x:1000:1000::/pilot:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nosg:x:1000:\n' >"$root/etc/group"
chown 1000:1000 "$root/pilot"
chmod 1777 "$root/tmp"
tar -C "$root" --sort=name --mtime=@1767225600 --numeric-owner -cf "$1" .
