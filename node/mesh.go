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
		Static: static, MDNS: n.o.MDNS, Closed: n.choices.get().Closed, Remembered: n.remembered(),
		Blocked: slices.Concat(n.choices.get().Blocked, n.bans.banned()),
		Arrived: n.arrived, Head: n.heard, Faulted: n.faulted, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.mesh.SetLimits(n.choices.get().Limits)
	n.serveCatalogue()
	n.serveHoldings()
	n.serveKeeping()
	n.serveSearch()
	n.serveProofs()
	return nil
}

// staticPeers are those of the configuration and those added by a person.
func (n *Node) staticPeers() ([]peer.AddrInfo, error) {
	var infos []peer.AddrInfo
	for _, s := range slices.Concat(n.o.Static, n.choices.get().Peers) {
		i, err := parsePeer(s)
		if err != nil {
			return nil, err
		}
		infos = append(infos, i.Peer)
	}
	return infos, nil
}

// ErrAddress says that a text is neither an invite nor a full peer address.
var ErrAddress = errors.New("not an invite nor an address ending in /p2p/ID")

// parsePeer reads an invite or a multiaddr that ends in /p2p/<id>.
func parsePeer(s string) (p2p.Invite, error) {
	if info, err := peer.AddrInfoFromString(s); err == nil {
		return p2p.Invite{Peer: *info}, nil
	}
	i, err := p2p.ParseInvite(s)
	if err != nil {
		return i, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return i, nil
}

// MeshID is who this node is in the mesh.
type MeshID struct {
	ID     string   `json:"id"`
	Addrs  []string `json:"addrs"`
	Closed bool     `json:"closed"` // only nodes with the key of its mesh are met
}

// ID tells who this node is in the mesh.
func (n *Node) ID() MeshID {
	id := MeshID{ID: n.id.String(), Addrs: []string{}, Closed: n.mesh.Key().Closed()}
	for _, a := range n.mesh.Addrs() {
		id.Addrs = append(id.Addrs, a.String())
	}
	return id
}

// Invite leads another node to this one. In a closed mesh it carries the key.
type Invite struct {
	Text   string `json:"invite"`
	Words  string `json:"words"` // the same, to be dictated
	Closed bool   `json:"closed"`
}

// Invite makes an invite. It is for the people of this node alone to give.
func (n *Node) Invite() Invite {
	i := n.mesh.Invite()
	return Invite{Text: i.Text(), Words: i.Words(n.o.Lang), Closed: i.Key.Closed()}
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

// ErrOtherMesh says that an invite leads to another closed mesh than the one this node is in.
var ErrOtherMesh = errors.New("this node is in another closed mesh")

// Join connects to the node of an invite or of an address, remembers it and
// keeps the connection from now on. The key in an invite of a closed mesh is
// adopted, which ends the connections to those outside it. Errors: ErrAddress,
// ErrOtherMesh unless force is set, p2p.ErrUnreachable (nothing is remembered
// and no key adopted), p2p.ErrBlocked.
func (n *Node) Join(ctx context.Context, text string, force bool) (Peer, error) {
	invite, err := parsePeer(text)
	if err != nil {
		return Peer{}, fmt.Errorf("join: %w", err)
	}
	info, before := invite.Peer, n.mesh.Key()
	adopt := invite.Key.Closed() && invite.Key != before
	if adopt && before.Closed() && !force {
		return Peer{}, fmt.Errorf("join %s: %w", info.ID, ErrOtherMesh)
	}
	addrs, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil {
		return Peer{}, fmt.Errorf("join %s: %w", info.ID, err)
	}
	if adopt {
		n.mesh.SetKey(invite.Key)
	}
	if err := n.connect(ctx, info); err != nil {
		if adopt {
			n.mesh.SetKey(before)
		}
		return Peer{}, fmt.Errorf("join %s: %w", info.ID, err)
	}
	n.mesh.Keep(info)
	if err := n.choices.change(func(c *savedChoices) {
		c.Closed = n.mesh.Key()
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

// connect tries twice: the first time it may share the fate of a dial that
// began before a key was adopted.
func (n *Node) connect(ctx context.Context, p peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := n.mesh.Connect(ctx, p)
	if errors.Is(err, p2p.ErrUnreachable) {
		err = n.mesh.Connect(ctx, p)
	}
	return err
}

// CloseMesh closes the mesh of this node with a fresh key, also when it was
// closed already: everybody outside is disconnected, and comes in by a new
// invite only.
func (n *Node) CloseMesh() (Invite, error) { return n.setMeshKey(p2p.NewMeshKey()) }

// OpenMesh opens the mesh of this node: it meets nodes of open meshes again,
// and those it was closed in with no more. On an open mesh it changes nothing.
func (n *Node) OpenMesh() (Invite, error) { return n.setMeshKey(p2p.MeshKey{}) }

// setMeshKey makes the key durable first: after a power cut the node must not
// be open to all again.
func (n *Node) setMeshKey(k p2p.MeshKey) (Invite, error) {
	if err := n.choices.change(func(c *savedChoices) { c.Closed = k }); err != nil {
		return Invite{}, err
	}
	n.mesh.SetKey(k)
	return n.Invite(), nil
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
