#!/bin/sh
# build.sh [OUT]: gathers in OUT (build/bootstrap) what makes a node of another
# machine with no network; `savoirs stick pack DIR --bootstrap=OUT` puts it on a
# stick.
#
#   bin/       static programs for amd64 and arm64, without the engine of models;
#              and build/savoirs with the engine, where it is built: for this
#              architecture only, and for processors that have what .cpu names
#   source/    this commit and its modules: go build -mod=vendor needs no network,
#              and gives the programs without the engine. Go itself is not in it
#   docs/      README, LICENSE and docs/
#   systemd/   the service
#   install.sh, README.txt, SHA256SUMS
#
#   ARCHES     architectures to build for (amd64 arm64)
#   PORTABLE=1 the program with the engine is for any processor, and slower
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/bootstrap}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kit=$work/kit
mkdir -p "$kit/bin" "$kit/source" "$kit/docs" "$kit/systemd"

for arch in ${ARCHES:-amd64 arm64}; do
	echo "building savoirs for linux/$arch" >&2
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags "-s -w" -o "$kit/bin/savoirs-linux-$arch" ./cmd/savoirs
done

# With the engine, as far as build/savoirs has it. What its C++ was compiled for
# is not written in it: deploy/engine/build.sh takes what the processor has.
arch=$(go env GOARCH)
if [ -x build/savoirs ] && build/savoirs version --json | grep -q '"engine":true'; then
	deploy/engine/build.sh build/savoirs # of this commit; seconds when nothing changed
	name=savoirs-linux-$arch-engine
	cp build/savoirs "$kit/bin/$name"
	: >"$kit/bin/$name.cpu"
	if [ -z "${PORTABLE:-}" ]; then
		case $arch in
		amd64) if grep -qw avx2 /proc/cpuinfo; then echo avx2 bmi1 bmi2 f16c fma abm movbe >"$kit/bin/$name.cpu"; fi ;;
		*) sed -n 's/^Features[^:]*: //p' /proc/cpuinfo | head -n 1 >"$kit/bin/$name.cpu" ;;
		esac
	fi
else
	echo "build/savoirs has no engine or is not built: the kit goes without (make build)" >&2
fi

echo "gathering the source and its modules" >&2
name=savoirs-$(git rev-parse --short HEAD)
mkdir "$work/$name"
git archive HEAD | tar -x -C "$work/$name"
(cd "$work/$name" && go mod vendor)
tar -c -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" "$name" | gzip -n >"$kit/source/$name.tar.gz"
rm -rf "${work:?}/$name"

cp README.md README.fr.md CHANGELOG.md LICENSE "$kit/docs/"
cp -R docs/. "$kit/docs/"
cp deploy/systemd/savoirs.service "$kit/systemd/"
cp deploy/bootstrap/README.txt deploy/bootstrap/install.sh "$kit/"
(cd "$kit" && find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | LC_ALL=C sort | xargs sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)

rm -rf "$out"
mkdir -p "$(dirname "$out")"
mv "$kit" "$out"
(cd "$out" && du -ah bin source && du -sh .) >&2
