#!/bin/sh
# peers.sh: installs the peers we measure ourselves against: kubo into
# build/tools, built from its Go module, and as root rsync and syncthing from
# Debian. `peers.sh kubo` stops after the first, which the tests need. What is
# there already is left alone; what cannot be had is named.
set -eu
cd "$(dirname "$0")/../.."
kubo=v0.43.0 # v0.43.1 replaces go-libp2p by a copy that the module proxy does not serve
ipfs=$PWD/build/tools/ipfs

if [ "$("$ipfs" version -n 2>/dev/null)" != "${kubo#v}" ]; then
	echo "building kubo $kubo, a few minutes" >&2
	mkdir -p build/tools
	# Its go.mod excludes a module, so `go install` refuses it: it is built where it lies, as its makers do.
	source=$(cd / && go mod download -json "github.com/ipfs/kubo@$kubo" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	(cd "$source" && go build -trimpath -tags nofuse -ldflags '-s -w' -o "$ipfs" ./cmd/ipfs)
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
