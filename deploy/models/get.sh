#!/bin/sh
# get.sh DIR [NAME ...]: puts the demo and test models into DIR. See README.md.
set -eu
if ! command -v python3 >/dev/null; then
	echo "python3 is missing: sudo apt-get install python3 python3-pip" >&2
	exit 1
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 "$(dirname "$0")/get.py" "$@"
