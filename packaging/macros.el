# What EL9 (redhat-rpm-config, systemd-rpm-macros) means by the macros of our spec, for machines that do not have those
# packages (Debian). Only build-rpm loads it. The scriptlets call systemd's helper, as they do on EL.

%__python3 /usr/bin/python3
%_sharedstatedir /var/lib
# There /bin/sh is bash, and rpm's own script counts on it.
%_buildshell /bin/bash
%__brp_compress /bin/bash %{_rpmconfigdir}/brp-compress %{?_prefix}
%_unitdir %{_prefix}/lib/systemd/system
%_presetdir %{_prefix}/lib/systemd/system-preset
%_systemd_update_helper %{_prefix}/lib/systemd/systemd-update-helper

%systemd_requires \
Requires(post): systemd \
Requires(preun): systemd \
Requires(postun): systemd \
%{nil}

%systemd_post() \
if [ $1 -eq 1 ] && [ -x %{_systemd_update_helper} ]; then %{_systemd_update_helper} install-system-units %{?*} || :; fi \
%{nil}

%systemd_preun() \
if [ $1 -eq 0 ] && [ -x %{_systemd_update_helper} ]; then %{_systemd_update_helper} remove-system-units %{?*} || :; fi \
%{nil}

%systemd_postun() %{nil}

%systemd_postun_with_restart() \
if [ $1 -ge 1 ] && [ -x %{_systemd_update_helper} ]; then %{_systemd_update_helper} mark-restart-system-units %{?*} || :; fi \
%{nil}
