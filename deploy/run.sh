#!/bin/sh
# run.sh: a first look. Builds savoirs, gets small models when no Ollama with
# models answers, makes a node with the library of deploy/library in build/node
# and runs it on this machine only, until Ctrl-C. Run again, it fetches and
# makes nothing twice.
set -eu
cd "$(dirname "$0")/.."
export SAVOIRS_DATA="${SAVOIRS_DATA:-$PWD/build/node}"
models=$PWD/build/models
savoirs=$PWD/build/savoirs

# an Ollama that answers and has at least one model serves as it is
ollama_has_models() {
	python3 - "${OLLAMA_HOST:-127.0.0.1:11434}" <<'PY' 2>/dev/null
import json, sys, urllib.request
host = sys.argv[1] if "://" in sys.argv[1] else "http://" + sys.argv[1]
sys.exit(not json.load(urllib.request.urlopen(host + "/api/tags", timeout=3))["models"])
PY
}

deploy/engine/build.sh "$savoirs"
if ollama_has_models; then
	models=
else
	export OLLAMA_HOST=none # the embedded engine
	deploy/models/get.sh "$models" qwen2.5-coder-0.5b multilingual-e5-small
fi
[ -e "$SAVOIRS_DATA/identity.key" ] || "$savoirs" init -q --lang fr --territory "Vieux-Bourg"

"$savoirs" serve --local &
node=$!
trap 'kill -TERM $node 2>/dev/null || :' EXIT
trap 'trap - INT TERM; kill -TERM $node 2>/dev/null || :; wait $node || :; exit 130' INT TERM
until "$savoirs" status -q >/dev/null 2>&1; do
	kill -0 $node 2>/dev/null || { wait $node; exit; }
	sleep 0.2
done
if [ -n "$models" ]; then
	"$savoirs" model import --in-place "$models/multilingual-e5-small-q4_0.gguf" --title e5 >/dev/null
	"$savoirs" model import --in-place "$models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf" --title qwen >/dev/null
fi
"$savoirs" add deploy/library
cat <<TXT

La bibliothèque est prête. / The library is ready.

  navigateur / browser:   http://127.0.0.1:7117
  terminal:               build/savoirs ask "Que faire avant l'arrivée d'un cyclone ?"
                          build/savoirs search citerne
                          build/savoirs list
                          build/savoirs status

Ctrl-C arrête le nœud ; « make run » le reprend. / Ctrl-C stops the node; "make run" resumes it.
TXT
wait $node
