package p2p

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const foundKey = "savoirs/found"

// foundBy notes how p was found, until some time after it has left.
func (m *Mesh) foundBy(p peer.ID, way string) {
	if err := m.host.Peerstore().Put(p, foundKey, way); err != nil {
		m.log.Debug("note how a peer was found", "peer", p, "err", err)
	}
}

// found tells how the peer of c came to be connected.
func (m *Mesh) found(c network.Conn) string {
	if c.Stat().Direction == network.DirInbound {
		return "came"
	}
	if way, err := m.host.Peerstore().Get(c.RemotePeer(), foundKey); err == nil {
		if way, ok := way.(string); ok {
			return way
		}
	}
	return "dht"
}
