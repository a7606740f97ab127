# Stands in for OpenWrt's /etc/rc.common and /lib/functions.sh: UCI files are read
# as `uci export` prints them, procd's calls are written down, and nothing is done.
# usage: sh rc.sh FOLDER SCRIPT ACTION
# shellcheck disable=SC2034 # read by the script under test
set -u
FOLDER=$1
CONFIG_SECTION=

# /lib/functions.sh: these names are those by which config_load calls.
config() {
	CONFIG_SECTION=$2
	config_cb "$1" "$2"
}
option() {
	eval "CONFIG_${CONFIG_SECTION}_$1=\$2"
	option_cb "$1" "$2"
}
list() { list_cb "$1" "$2"; }
config_cb() { return 0; }
option_cb() { return 0; }
list_cb() { return 0; }
config_load() {
	# shellcheck disable=SC1090 # whatever the test wrote
	. "$FOLDER/uci-$1"
	config_cb "" ""
}
config_get() { eval "$1=\${CONFIG_$2_$3:-${4:-}}"; }

# procd.sh and the machine
procd_open_instance() { echo "open"; }
procd_set_param() { echo "param $*"; }
procd_close_instance() { echo "close"; }
procd_send_signal() { echo "signal $*"; }
procd_add_reload_trigger() { echo "trigger $*"; }
logger() { echo "logger $*"; }
chown() { echo "chown $*" | sed "s|$FOLDER|/root|g"; }

# shellcheck disable=SC1090 # the script under test
. "$2"
PROG=$FOLDER/socketha
RENDERED=$FOLDER/var/etc/socketha.toml
RUN=$FOLDER/var/run/socketha
STATE=$FOLDER/etc/socketha
"$3"
