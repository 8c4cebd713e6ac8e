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
	who = Profile{Name: label(who.Name), Territory: label(who.Territory), Version: label(who.Version)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || len(p.seen) >= maxProfiles {
		p.seen = map[peer.ID]Profile{}
	}
	p.seen[id] = who
}

// label makes a stranger's text fit to stand on a line of a screen: no control
// nor direction characters, at most 80 bytes.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	return shorten(strings.TrimSpace(s), 80)
}
