#!/bin/sh
# build.sh [OUT]: builds savoirs with the embedded engine into OUT (build/savoirs).
#
#   PORTABLE=1   a binary for any CPU of this architecture. Without it the binary
#                is for the CPU at hand: with AVX2 the engine is 4 to 20 times faster.
#   PACKAGE      what to build (./cmd/savoirs)
#   LDFLAGS      flags for Go's linker (-s -w)
#
# The engine is Ollama's, a Go module; its C++ wants three header files that the
# module leaves out. Two come from Debian and one from another Go module.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/savoirs}
package=${PACKAGE:-./cmd/savoirs}

# a C++ compiler, nlohmann/json.hpp and stb/stb_image.h
missing=
command -v g++ >/dev/null || missing="$missing g++"
[ -e /usr/include/nlohmann/json.hpp ] || missing="$missing nlohmann-json3-dev"
[ -e /usr/include/stb/stb_image.h ] || missing="$missing libstb-dev"
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "packages are missing: sudo apt-get install$missing" >&2
		exit 1
	fi
	echo "installing$missing" >&2
	apt-get update -qq
	# shellcheck disable=SC2086 # one argument for each package
	apt-get install -y -qq --no-install-recommends $missing >&2
fi

# miniaudio/miniaudio.h
include=$PWD/build/include
header=$include/miniaudio/miniaudio.h
if [ ! -e "$header" ]; then
	module=github.com/gen2brain/malgo@v0.11.24
	dir=$(cd / && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	echo "7e4f3f13c8fe66df2080ac3dd12a89193e3c2463cb7f067c798abd7331cd8ee6  $dir/miniaudio.h" | sha256sum -c --quiet
	mkdir -p "$include/miniaudio"
	cp "$dir/miniaudio.h" "$header.new"
	chmod 644 "$header.new"
	mv "$header.new" "$header"
fi

# has FLAG...: whether the CPU at hand has them all
has() {
	for flag in "$@"; do
		grep -qw "$flag" /proc/cpuinfo || return 1
	done
}
cpu=
if [ -z "${PORTABLE:-}" ]; then
	case $(uname -m) in
	x86_64) if has avx2 bmi1 bmi2 f16c fma abm movbe; then cpu=-march=x86-64-v3; fi ;;
	aarch64) cpu=-mcpu=native ;;
	esac
fi

echo "building $out with the embedded engine for ${cpu:-any CPU} (some minutes the first time)" >&2
# -w: the warnings of this C++ are for its authors
export CGO_ENABLED=1 CGO_CPPFLAGS="-I$include" CGO_CFLAGS="-O3 -w $cpu" CGO_CXXFLAGS="-O3 -w $cpu"
exec go build -tags engine -trimpath -ldflags "${LDFLAGS:--s -w}" -o "$out" "$package"
