#!/bin/sh
# install.sh [--user]: makes a node of this machine from the stick this file lies
# on. No network is needed. It may be run again: it goes on where it stopped, and
# replaces an older savoirs by this one.
#
#   as root    for the machine: /usr/local, and where systemd runs a service
#   otherwise, or with --user    for you: ~/.local
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
stick=$(dirname "$here")

case "${SAVOIRS_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-fr}}}}" in
en*) say() { echo "$2"; } ;;
*) say() { echo "$1"; } ;;
esac
fail() {
	say "Erreur : $1" "Error: $2" >&2
	exit 1
}

root=
if [ "$(id -u)" = 0 ]; then root=yes; fi
for word in "$@"; do
	case $word in
	--user) root= ;;
	*) fail "« $word » n'est pas une option ; il y a --user." "\"$word\" is no option; there is --user." ;;
	esac
done
service=
if [ -n "$root" ]; then
	prefix=/usr/local
	data=${SAVOIRS_DATA:-/var/lib/savoirs}
	if [ -d /run/systemd/system ]; then service=yes; fi
else
	prefix=$HOME/.local
	data=${SAVOIRS_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/savoirs}
fi
bin=$prefix/bin/savoirs
export SAVOIRS_DATA="$data"

# Everything is read once before anything is changed.
say "Vérification de la clé…" "Checking the stick…"
[ -f "$here/SHA256SUMS" ] || fail "il n'y a pas de SHA256SUMS ici : cette clé n'est pas complète. Rien n'a été changé." \
	"there is no SHA256SUMS here: this stick is not complete. Nothing was changed."
wrong=$(cd "$here" && sha256sum -c SHA256SUMS 2>/dev/null | grep -v ': OK$' || :)
if [ -n "$wrong" ] || ! (cd "$here" && sha256sum -c SHA256SUMS >/dev/null 2>&1); then
	fail "la clé est abîmée : ${wrong:-un fichier manque}. Rien n'a été changé ; faites-la recopier." \
		"the stick is damaged: ${wrong:-a file lacks}. Nothing was changed; have it copied again."
fi

case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
aarch64 | arm64) arch=arm64 ;;
*) fail "il n'y a pas de programme ici pour $(uname -m). La source est dans $here/source : elle se construit sans réseau, avec Go." \
	"there is no program here for $(uname -m). The source is in $here/source: it builds with no network, with Go." ;;
esac
plain=$here/bin/savoirs-linux-$arch
engine=$plain-engine

# runs FILE: puts it where it will live, and says whether it runs there. A drive
# may be mounted so that nothing on it runs.
new=$prefix/bin/.savoirs.new
trap 'rm -rf "$new"' EXIT
runs() {
	mkdir -p "$new"
	cp "$1" "$new/savoirs" && chmod 755 "$new/savoirs" && "$new/savoirs" version >/dev/null 2>&1
}
# fits FILE: whether this processor has what the engine was made for.
fits() {
	[ -f "$1" ] && [ -f "$1.cpu" ] || return 1
	# shellcheck disable=SC2013 # words, not lines
	for feature in $(cat "$1.cpu"); do
		grep -qw "$feature" /proc/cpuinfo || return 1
	done
}
if ! { fits "$engine" && runs "$engine"; } && ! { [ -f "$plain" ] && runs "$plain"; }; then
	fail "le programme de la clé ne marche pas sur cette machine. Rien n'a été changé." \
		"the program of the stick does not run on this machine. Nothing was changed."
fi
mv "$new/savoirs" "$bin"
say "Programme : $bin" "Program: $bin"

# What makes a stick like this one stays here.
kit=$prefix/share/savoirs/bootstrap
if [ "$here" != "$kit" ]; then
	rm -rf "$kit.new"
	mkdir -p "$kit.new"
	for part in bin source docs systemd README.txt install.sh; do
		if [ -e "$here/$part" ]; then cp -R "$here/$part" "$kit.new/"; fi
	done
	grep -v '  model/' "$here/SHA256SUMS" >"$kit.new/SHA256SUMS"
	rm -rf "$kit"
	mv "$kit.new" "$kit"
fi

if [ -n "$service" ]; then
	if ! id savoirs >/dev/null 2>&1; then
		useradd --system --user-group --home-dir /var/lib/savoirs --shell /usr/sbin/nologin savoirs 2>/dev/null ||
			adduser -S -D -H -h /var/lib/savoirs -s /sbin/nologin savoirs
	fi
	cp "$here/systemd/savoirs.service" /etc/systemd/system/savoirs.service
	systemctl daemon-reload
	systemctl stop savoirs 2>/dev/null || :
fi
mkdir -p "$data"
[ -e "$data/identity.key" ] || "$bin" init -q

# Now the node, and what the stick carries. For a service this is done before it
# starts: its user may not read a drive that was mounted for somebody.
# answers: whether the node of this data directory does, and no other.
answers() { [ -s "$data/http.addr" ] && "$bin" status -q >/dev/null 2>&1; }
node=
if ! answers; then
	only=
	if [ -n "$service" ]; then only=--local; fi
	# shellcheck disable=SC2086 # an option or none
	nohup "$bin" serve $only >>"$data/serve.log" 2>&1 </dev/null &
	node=$!
	tries=0
	until answers; do
		tries=$((tries + 1))
		kill -0 "$node" 2>/dev/null && [ $tries -lt 120 ] ||
			fail "le nœud ne démarre pas : $(tail -n 3 "$data/serve.log")" "the node does not start: $(tail -n 3 "$data/serve.log")"
		sleep 0.5 2>/dev/null || sleep 1
	done
fi
if [ -f "$here/MANIFEST" ]; then
	"$bin" stick load "$stick" ||
		say "Tout n'a pas pu être pris sur la clé ; donnez de nouveau « sh $here/install.sh »." \
			"Not everything could be taken from the stick; give \"sh $here/install.sh\" again."
fi
for model in "$here"/model/*/; do
	[ -d "$model" ] || continue
	if "$bin" status --json | grep -q '"engine":"none"'; then
		say "Il n'y a pas de moteur de modèles ici : la recherche par les mots marche, les réponses écrites demandent un Ollama sur cette machine. Les modèles restent dans $here/model." \
			"There is no engine for models here: search by words works, written answers need an Ollama on this machine. The models stay in $here/model."
		break
	fi
	"$bin" model import "$model" || say "Un modèle n'a pas pu être installé ; le reste marche." "A model could not be installed; the rest works."
done
page=$("$bin" status --json | sed -n 's/.*"http":"\([^"]*\)".*/\1/p')

if [ -n "$service" ]; then
	page=http://127.0.0.1:7117
	if [ -n "$node" ]; then
		kill "$node" && wait "$node" || :
	fi
	chown -R savoirs: "$data"
	systemctl enable --now savoirs
	say "Le service savoirs tourne, et démarrera avec la machine." "The service savoirs runs, and will start with the machine."
elif [ -n "$node" ]; then
	say "Le nœud tourne. Après un redémarrage de la machine : « $bin serve »." "The node runs. After the machine was started again: \"$bin serve\"."
fi
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) say "Pour taper « savoirs » seul : PATH=\"\$PATH:$prefix/bin\"" "To type just \"savoirs\": PATH=\"\$PATH:$prefix/bin\"" ;;
esac
say "
Voilà. Ouvrez $page sur cette machine. Ce que la clé apporte de nouveau attend
votre accord : savoirs inbox list. Ensuite : savoirs ask \"votre question\"." "
Done. Open $page on this machine. What is new from the stick waits for your yes:
savoirs inbox list. Then: savoirs ask \"your question\"."
