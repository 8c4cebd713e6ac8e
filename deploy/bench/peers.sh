#!/bin/sh
# peers.sh: installs the peers we measure ourselves against: kubo into
# build/tools, built from its Go module, and as root rsync and syncthing from
# Debian. `peers.sh kubo` stops after the first, which the tests need. What is
# there already is left alone; what cannot be had is named.
set -eu
cd "$(dirname "$0")/../.."
kubo=v0.43.1
ipfs=$PWD/build/tools/ipfs

if [ ! -x "$ipfs" ] || ! go version -m "$ipfs" | grep -q "github.com/ipfs/kubo[[:space:]]*$kubo"; then
	echo "building kubo $kubo, a few minutes" >&2
	mkdir -p build/tools
	GOBIN=$PWD/build/tools GOFLAGS= go install -trimpath -tags nofuse "github.com/ipfs/kubo/cmd/ipfs@$kubo"
fi
[ "${1-}" != kubo ] || exit 0

missing=
for peer in rsync syncthing; do
	command -v "$peer" >/dev/null || missing="$missing $peer"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "not here, and installed by root only:$missing" >&2
	exit 0
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing >/dev/null
