package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store"
)

func (n *Node) openMesh() error {
	static, err := n.staticPeers()
	if err != nil {
		return err
	}
	n.mesh, err = p2p.Open(p2p.Options{
		Key: n.key, Listen: n.o.Listen, Blocks: n.store.Blocks(store.Mesh),
		Static: static, MDNS: n.o.MDNS, Blocked: slices.Concat(n.choices.get().Blocked, n.bans.banned()),
		Arrived: n.arrived, Head: n.heard, Faulted: n.faulted, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.serveCatalogue()
	n.serveHoldings()
	n.serveKeeping()
	return nil
}

// staticPeers are those of the configuration and those added by a person.
func (n *Node) staticPeers() ([]peer.AddrInfo, error) {
	var infos []peer.AddrInfo
	for _, s := range slices.Concat(n.o.Static, n.choices.get().Peers) {
		info, err := parsePeer(s)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// ErrAddress says that a text is neither an invite nor a full peer address.
var ErrAddress = errors.New("not an invite nor an address ending in /p2p/ID")

// parsePeer reads an invite or a multiaddr that ends in /p2p/<id>.
func parsePeer(s string) (peer.AddrInfo, error) {
	if info, err := peer.AddrInfoFromString(s); err == nil {
		return *info, nil
	}
	info, err := p2p.ParseInvite(s)
	if err != nil {
		return info, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return info, nil
}

// MeshID is how others reach this node.
type MeshID struct {
	ID     string   `json:"id"`
	Addrs  []string `json:"addrs"`
	Invite string   `json:"invite"`
}

// ID tells how others reach this node.
func (n *Node) ID() MeshID {
	id := MeshID{ID: n.id.String(), Addrs: []string{}, Invite: n.mesh.Invite()}
	for _, a := range n.mesh.Addrs() {
		id.Addrs = append(id.Addrs, a.String())
	}
	return id
}

// Peer is a neighbour connected now.
type Peer struct {
	p2p.Peer
	Name      string `json:"name,omitempty"`
	Territory string `json:"territory,omitempty"`
}

// Peers returns the neighbours connected now.
func (n *Node) Peers() []Peer {
	peers := []Peer{}
	for _, p := range n.mesh.Peers() {
		who := n.profiles.of(p.ID)
		peers = append(peers, Peer{Peer: p, Name: who.Name, Territory: who.Territory})
	}
	return peers
}

// Join connects to the node of an invite or of an address, remembers it and
// keeps the connection from now on. Errors: ErrAddress, p2p.ErrUnreachable
// (nothing is remembered), p2p.ErrBlocked.
func (n *Node) Join(ctx context.Context, text string) (Peer, error) {
	info, err := parsePeer(text)
	if err != nil {
		return Peer{}, fmt.Errorf("join: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := n.mesh.Connect(ctx, info); err != nil {
		return Peer{}, fmt.Errorf("join %s: %w", info.ID, err)
	}
	addrs, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil {
		return Peer{}, fmt.Errorf("join %s: %w", info.ID, err)
	}
	n.mesh.Keep(info)
	if err := n.choices.change(func(c *savedChoices) {
		for _, a := range addrs {
			if !slices.Contains(c.Peers, a.String()) {
				c.Peers = append(c.Peers, a.String())
			}
		}
	}); err != nil {
		return Peer{}, err
	}
	for _, p := range n.Peers() {
		if p.ID == info.ID {
			return p, nil
		}
	}
	return Peer{Peer: p2p.Peer{ID: info.ID}}, nil
}

// Block cuts a node off, now and after restarts, and refuses its entries.
func (n *Node) Block(id string) error {
	p, err := peer.Decode(id)
	if err != nil {
		return fmt.Errorf("block %q: %w", id, ErrAddress)
	}
	n.mesh.Block(p)
	n.holdings.Forget(p)
	return n.choices.change(func(c *savedChoices) {
		if !slices.Contains(c.Blocked, p) {
			c.Blocked = append(c.Blocked, p)
		}
	})
}

// Unblock takes a Block back, and lets in again a peer banned for what it did;
// the evidence stays (see Why). A node that was not blocked is no error.
func (n *Node) Unblock(id string) error {
	p, err := peer.Decode(id)
	if err != nil {
		return fmt.Errorf("unblock %q: %w", id, ErrAddress)
	}
	n.mesh.Unblock(p)
	if err := n.bans.lift(p); err != nil {
		return fmt.Errorf("unblock %s: %w", p, err)
	}
	defer n.rounds.Forget()
	return n.choices.change(func(c *savedChoices) {
		c.Blocked = slices.DeleteFunc(c.Blocked, func(b peer.ID) bool { return b == p })
	})
}

// provide tells the DHT, at start and then every few hours, which published
// items are here; records there live 48 hours.
func (n *Node) provide(ctx context.Context) error {
	again := time.NewTicker(12 * time.Hour)
	defer again.Stop()
	for {
		for it, err := range n.store.Items() {
			if err == nil && it.Space == store.Mesh {
				n.provideOne(ctx, it.Root)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.published:
		case <-again.C:
		}
	}
}

func (n *Node) provideOne(ctx context.Context, root cid.Cid) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := n.mesh.Provide(ctx, root); err != nil && ctx.Err() == nil {
		n.log.Debug("provide", "root", root, "err", err)
	}
}
