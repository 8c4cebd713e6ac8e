#!/bin/sh
# demo.sh: two nodes, A and B, each with a data directory of its own.
#   1. A adds a folder and publishes it; B lists it, pulls it, and goes on
#      answering from it, with sources, when A is switched off.
#   2. A publishes an adapter; B pulls it, installs it on its own copy of the
#      base model, and its answer changes to the trained one.
# As root each node lives in a network namespace and they find each other by
# mDNS; otherwise both are on loopback and B joins A by an invite. Everything
# made is removed at the end. Any step that does not hold ends it with status 1.
set -eu
cd "$(dirname "$0")/../.."
savoirs=$PWD/build/savoirs
models=$PWD/build/models
mkdir -p build
work=$(mktemp -d "$PWD/build/demo.XXXXXX")
nodes=
namespaces=

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { echo "$*" >&2; exit 1; }
now() { date +%s%N; }

finish() {
	for pid in $nodes; do kill -TERM "$pid" 2>/dev/null || :; done
	for pid in $nodes; do wait "$pid" 2>/dev/null || :; done
	for ns in $namespaces; do ip netns delete "$ns" || :; done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# until_true SECONDS WHAT COMMAND...: waits for a state
until_true() {
	limit=$(($(date +%s) + $1)); what=$2; shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || die "never: $what"
		sleep 0.1
	done
}

# ---- where the nodes live
a_net= b_net=
if [ "$(id -u)" = 0 ] && ip netns add "savoirs-a-$$" 2>/dev/null; then
	namespaces="savoirs-a-$$"
	ip netns add "savoirs-b-$$"
	namespaces="$namespaces savoirs-b-$$"
	a_net="ip netns exec savoirs-a-$$" b_net="ip netns exec savoirs-b-$$"
	ip -n "savoirs-a-$$" link add wire type veth peer name wire netns "savoirs-b-$$"
	ip -n "savoirs-a-$$" address add 10.117.0.1/24 dev wire
	ip -n "savoirs-b-$$" address add 10.117.0.2/24 dev wire
	for ns in $namespaces; do
		ip -n "$ns" link set lo up
		ip -n "$ns" link set wire up
	done
	mesh="" where="two network namespaces, found by mDNS"
else
	mesh="--local --listen /ip4/127.0.0.1/tcp/0" where="loopback, joined by an invite"
fi

a() { SAVOIRS_DATA=$work/a $a_net "$savoirs" "$@"; }
b() { SAVOIRS_DATA=$work/b $b_net "$savoirs" "$@"; }
start_a() { SAVOIRS_DATA=$work/a $a_net "$savoirs" serve $mesh --http 127.0.0.1:7217 2>"$work/a.log" & a_pid=$!; nodes="$nodes $a_pid"; until_true 30 "A runs" a status; }
start_b() { SAVOIRS_DATA=$work/b $b_net "$savoirs" serve $mesh --http 127.0.0.1:7218 2>"$work/b.log" & b_pid=$!; nodes="$nodes $b_pid"; until_true 30 "B runs" b status; }
b_lists() { b list --json | grep -q "\"$1\""; }

export OLLAMA_HOST=none # each node has an engine of its own
deploy/engine/build.sh "$savoirs"
deploy/models/get.sh "$models"

say "Two nodes: $where"
a init -q --territory Marie-Galante --lang fr >/dev/null
b init -q --territory Vieux-Bourg --lang fr >/dev/null
start_a
start_b
b model import --in-place --title e5 "$models/multilingual-e5-small-q4_0.gguf" >/dev/null
b model import --in-place --title qwen "$models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf" >/dev/null
b model import --in-place --title smollm2 "$models/smollm2-135m-instruct-q4_1.gguf" >/dev/null
b model use qwen >/dev/null
if [ -z "$a_net" ]; then b mesh join "$(a mesh invite)"; fi
until_true 15 "A and B are neighbours" sh -c "SAVOIRS_DATA=$work/b $b_net $savoirs peers --json | grep -q Marie-Galante"
b peers

say "A adds and publishes a folder"
a add deploy/demo/library-a --title Grand-Fond
began=$(now)
a publish grand-fond --yes
until_true 15 "B lists what A published" b_lists grand-fond
echo "B knew after $((($(now) - began) / 1000000)) ms:"
b list

say "B pulls it, and A is switched off"
b pull grand-fond
kill -TERM "$a_pid"; wait "$a_pid" || :

question="Quelle est la profondeur du puits de Grand-Fond ?"
say "B alone: $question"
b ask "$question" | tee "$work/answer"
grep -q '\[1\]' "$work/answer" || die "the answer cites no source"
grep -q '23' "$work/answer" || die "the answer does not hold the fact"

say "A is back and publishes an adapter"
start_a
a adapter import deploy/demo/adapter
adapter=$(a list --json | python3 -c 'import json,sys; print([i["ref"] for i in json.load(sys.stdin) if i["kind"]=="adapter"][0])')
a publish "$adapter" --yes
if [ -z "$a_net" ]; then b mesh join "$(a mesh invite)"; fi
until_true 30 "B lists the adapter" b_lists "$adapter"

question="Quand a lieu la fête de Ti-Bourg ?"
say "B, base model alone: $question"
b model use smollm2 >/dev/null
b ask --alone "$question" | tee "$work/before"
say "B pulls and installs the adapter, and asks again"
b pull "$adapter"
b adapter check "$adapter"
b model use "$adapter"
b ask --alone "$question" | tee "$work/after"
grep -q '14 mars' "$work/after" || die "the adapter did not change the answer"
if grep -q '14 mars' "$work/before"; then die "the base model knew already"; fi
say "All steps held."
