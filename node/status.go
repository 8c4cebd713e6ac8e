package node

import (
	"context"
	"strings"
	"time"

	"savoirs/p2p"
	"savoirs/store"
	"savoirs/store/catalog"
)

// Status is how the node is, in one look.
type Status struct {
	Version   string        `json:"version"`
	ID        string        `json:"id"`
	Name      string        `json:"name,omitempty"`
	Territory string        `json:"territory,omitempty"`
	Dir       string        `json:"dir"`
	HTTP      string        `json:"http,omitempty"` // set by the server
	Addrs     []string      `json:"addrs"`
	Loopback  bool          `json:"loopback"` // the mesh stays on this machine
	MDNS      bool          `json:"mdns"`
	Closed    bool          `json:"closed"` // only nodes with the key of its mesh are met
	Uptime    time.Duration `json:"uptime_ns"`

	Items     int  `json:"items"`     // here
	Published int  `json:"published"` // of these, in the mesh space
	Offers    int  `json:"offers"`    // offered by others, not here
	Waiting   int  `json:"waiting"`   // in the inbox, for a person's yes
	Bad       int  `json:"bad"`       // damaged ranges
	Peers     int  `json:"peers"`
	AskOthers bool `json:"ask_others"` // questions go to other nodes too, unless they are private
	Forks     int  `json:"forks"`      // authors who signed two entries with one number

	Traffic    p2p.Flows  `json:"traffic"` // since the start
	Limits     p2p.Limits `json:"limits"`
	Congestion string     `json:"congestion"` // control of TCP: bbr is the one for lossy links

	Passages int           `json:"passages"`
	Embedded int           `json:"embedded"`
	EmbedETA time.Duration `json:"embed_eta_ns,omitempty"`

	Engine string `json:"engine"` // ollama, embedded, none
	Chat   string `json:"chat,omitempty"`
	Embed  string `json:"embed,omitempty"`

	Size    int64 `json:"size"` // bytes of content here
	Free    int64 `json:"free"` // bytes usable above the floor
	Rebuilt bool  `json:"rebuilt,omitempty"`

	Drives []Drive `json:"drives,omitempty"` // plugged now; told to this machine only
}

// Status tells how the node is.
func (n *Node) Status(ctx context.Context) (Status, error) {
	id := n.ID()
	s := Status{
		Version: n.o.Version, ID: id.ID, Name: n.o.Name, Territory: n.o.Territory, Dir: n.o.Dir,
		Addrs: id.Addrs, Loopback: loopbackOnly(n.o.Listen), MDNS: n.o.MDNS, Closed: id.Closed, Uptime: time.Since(n.started),
		AskOthers: n.o.AskOthers, Peers: len(n.mesh.Peers()), Forks: len(n.catalog.Forks()),
		Traffic: n.mesh.Traffic().Total, Limits: n.mesh.Limits(), Congestion: n.mesh.Congestion(),
		Engine: n.engine.Kind(), EmbedETA: n.embed.eta(), Rebuilt: n.store.Rebuilt(),
	}
	items, err := n.items()
	if err != nil {
		return s, err
	}
	for _, it := range items {
		if it.Kind == string(catalog.Pack) {
			if it.Here {
				s.Size += it.Size
			}
			continue
		}
		if !it.Here {
			s.Offers++
			continue
		}
		s.Items++
		s.Size += it.Size
		s.Bad += it.Bad
		if it.Scope == string(store.Mesh) {
			s.Published++
		}
	}
	waiting, err := n.waiting()
	if err != nil {
		return s, err
	}
	s.Waiting = len(waiting)
	s.Embedded, s.Passages = n.coverage()
	if s.Free, err = n.store.Free(); err != nil {
		return s, err
	}
	if s.Drives, err = n.Drives(); err != nil {
		return s, err
	}
	if _, m, err := n.engine.Generator(ctx, n.chatModel()); err == nil {
		s.Chat = m.Name
	}
	if _, m, err := n.engine.Embedder(ctx, n.embedModel()); err == nil {
		s.Embed = m.Name
	}
	return s, nil
}

// loopbackOnly says whether every address the mesh listens on is this machine's.
func loopbackOnly(listen []string) bool {
	for _, a := range listen {
		if !strings.HasPrefix(a, "/ip4/127.") && !strings.HasPrefix(a, "/ip6/::1/") {
			return false
		}
	}
	return true
}
