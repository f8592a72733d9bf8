"""The exit codes of ``ospool-ep``, one meaning each. The high ones are those of sysexits.h."""

OK = 0
# Of the service: a start has failed that somebody waits for. The unit starts the next process, which goes on trying.
FAILED = 1
USAGE = 2
# As systemctl status answers for a unit that does not run (systemctl(1), EXIT STATUS).
NOT_RUNNING = 3
# The command has waited as long as its --timeout says, and what it waited for has not come.
TIME_UP = 4
BUG = 70
# The service makes room for its next process, and has left the pilot running.
LEFT = 75
NOT_ROOT = 77
# The unit does not restart after this one: only a person can mend the text of a configuration. From the service it
# means that and nothing else; from the commands also that this host is not ready.
CONFIG = 78
INTERRUPTED = 130
