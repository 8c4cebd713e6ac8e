#!/bin/sh
# rag-peers.sh: installs the search engines that `bench rag` measures ours
# beside: as root Xapian from Debian, and tantivy from PyPI into a Python
# environment of its own, build/tools/rag-peers. SQLite comes with Python, bleve
# is in our module. What is there already is left alone; what cannot be had is
# named.
set -eu
cd "$(dirname "$0")/../.."
tantivy=0.26.0
env=build/tools/rag-peers
python=$env/bin/python

if ! /usr/bin/python3 -c 'import xapian, venv, ensurepip' 2>/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		apt-get update -qq
		apt-get install -y -qq --no-install-recommends python3 python3-venv python3-xapian >/dev/null
	else
		echo "not here, and installed by root only: python3-venv python3-xapian" >&2
	fi
fi
# Xapian's module lies with the system's Python, which the environment can see.
[ -x "$python" ] || /usr/bin/python3 -m venv --system-site-packages "$env"
"$python" -c "import tantivy; assert tantivy.__version__.startswith('tantivy v$tantivy,')" 2>/dev/null ||
	"$python" -m pip install -q --disable-pip-version-check "tantivy==$tantivy" || echo "tantivy $tantivy cannot be had" >&2
