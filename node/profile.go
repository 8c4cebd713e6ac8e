package node

import (
	"strings"
	"sync"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Profile is what a node says of itself to its neighbours; nobody vouches for
// it, the peer id is what is certain.
type Profile struct {
	Name      string
	Territory string
	Version   string
}

func (n *Node) profile() Profile {
	return Profile{Name: n.o.Name, Territory: n.o.Territory, Version: n.o.Version}
}

// profiles remembers what neighbours say of themselves.
type profiles struct {
	mu   sync.Mutex // guards seen
	seen map[peer.ID]Profile
}

// maxProfiles bounds the memory that passing strangers can take.
const maxProfiles = 10_000

func (p *profiles) of(id peer.ID) Profile {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[id]
}

func (p *profiles) set(id peer.ID, who Profile) {
	who = Profile{Name: label(who.Name, 80), Territory: label(who.Territory, 80), Version: label(who.Version, 80)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || len(p.seen) >= maxProfiles {
		p.seen = map[peer.ID]Profile{}
	}
	p.seen[id] = who
}

// label makes a text fit to stand on one line of a screen and in an entry: no
// control nor direction characters, at most so many bytes.
func label(s string, most int) string {
	return shorten(strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(s))), most)
}

// printable takes out of a text what a screen would obey instead of showing:
// control characters but line feed and tab, and those that change direction.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
}
