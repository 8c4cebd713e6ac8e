package p2p

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"
)

// MeshKey is the secret that the nodes of a closed mesh share. Whoever has it is in: it travels in invites and is shown to
// nobody else. The zero value stands for an open mesh.
type MeshKey [16]byte

// NewMeshKey returns a fresh key from the system's randomness.
func NewMeshKey() MeshKey {
	var k MeshKey
	rand.Read(k[:]) // never fails: see crypto/rand
	return k
}

// Closed tells whether k is the key of a closed mesh.
func (k MeshKey) Closed() bool { return k != MeshKey{} }

// MarshalText writes k in hexadecimal, and an open mesh as nothing.
func (k MeshKey) MarshalText() ([]byte, error) {
	if !k.Closed() {
		return nil, nil
	}
	return hex.AppendEncode(nil, k[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *MeshKey) UnmarshalText(text []byte) error {
	*k = MeshKey{}
	if len(text) == 0 {
		return nil
	}
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(k) {
		return errors.New("a mesh key is 32 hexadecimal digits")
	}
	copy(k[:], raw)
	return nil
}

// prove makes what only a holder of k can make of data, for one purpose.
func (k MeshKey) prove(purpose string, data []byte) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write(append([]byte("savoirs "+purpose), 0))
	mac.Write(data)
	return mac.Sum(nil)
}

var errKeyChanged = errors.New("the key of the mesh changed meanwhile")

// circle holds the key in force and the connections made under it, so that a new key ends exactly those, also the ones that
// are being set up.
type circle struct {
	mu      sync.Mutex // guards the rest
	current MeshKey
	conns   map[io.Closer]struct{}
}

func newCircle(k MeshKey) *circle { return &circle{current: k, conns: map[io.Closer]struct{}{}} }

func (c *circle) key() MeshKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// admit takes note of a connection made under k, which leave must be told the end of, unless another key is in force.
func (c *circle) admit(k MeshKey, conn io.Closer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != k {
		return errKeyChanged
	}
	c.conns[conn] = struct{}{}
	return nil
}

func (c *circle) leave(conn io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}

// change puts k in force and ends every connection made under the key before.
func (c *circle) change(k MeshKey) {
	c.mu.Lock()
	old := c.conns
	c.current, c.conns = k, map[io.Closer]struct{}{}
	c.mu.Unlock()
	for conn := range old {
		conn.Close()
	}
}

// SetKey closes the mesh of this node with k, or opens it with the zero key. Unless k is in force already, all connections
// end, and only nodes with the same key are met from now on, over TCP and QUIC alike.
func (m *Mesh) SetKey(k MeshKey) {
	if m.circle.key() == k {
		return
	}
	m.circle.change(k)
	m.log.Info("mesh key changed", "closed", k.Closed())
	m.look.again()
}

// Key is the key in force; the zero key when the mesh is open.
func (m *Mesh) Key() MeshKey { return m.circle.key() }
